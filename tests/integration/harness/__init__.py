"""The harness of mailcore's integration tests: a real private Postfix, a real SMTP sink, our daemons, and readers
for what they tell (replies, delivered headers, decision lines, metrics). Python's standard library only."""
