-- without macros it takes the packet's own facts; without a queue id it defers
dofile(folder .. "/common.lua")

local conn = mt.connect(socket, 50, 0.1)
done(mt.negotiate(conn, nil, nil, nil), "negotiate")
done(mt.conninfo(conn, "client.test", "10.0.0.250"), "connect")
done(mt.mailfrom(conn, "<a@stranger.test>"), "mail")
expect(mt.getreply(conn) == SMFIR_REPLYCODE, "the sender of the packet is refused")
done(mt.mailfrom(conn, "<a@acme.test>"), "mail")
expect(mt.getreply(conn) == SMFIR_CONTINUE, "the sender of the packet is accepted")
done(mt.rcptto(conn, "<user@bad.test>"), "rcpt")
expect(mt.getreply(conn) == SMFIR_REPLYCODE, "the recipient of the packet is refused")
done(mt.rcptto(conn, "<user@good.test>"), "rcpt")
expect(mt.getreply(conn) == SMFIR_CONTINUE, "the recipient of the packet is accepted")
expect(finish(conn) == SMFIR_REPLYCODE, "no queue id is a failure of ours")

envelope(conn, "a@acme.test")
expect(finish(conn) == SMFIR_CONTINUE, "with one the next message passes")
mt.disconnect(conn)
