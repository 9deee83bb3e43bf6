"""The benchmark's figures as a table for the terminal and as the page docs/performance.md."""

HEAD = (f"{'tenants':<17}{'null/s':>9}{'mailcore/s':>11}{'ratio':>6}  {'low-high':<11}{'by cpu':>6}"
        f"{'p50 µs':>8}{'p99 µs':>8}")
DETAIL_HEAD = (f"{'tenants':<17}{'cpu µs null':>12}{'cpu µs mailcore':>16}{'MiB null':>9}{'MiB':>7}"
               f"{'start s':>8}{'noise':>7}")
TITLES = {"policy": "mailcore-policy: RCPT requests a second, 20 connections",
          "milter": "mailcore-milter: messages a second, 10 connections, 14 headers"}
TARGETS = {"policy": 0.85, "milter": 0.9}


def by_daemon(measured):
    for daemon in TITLES:
        found = [each for each in measured if each.case.daemon == daemon]
        if found:
            yield daemon, found


def rate_line(each):
    ratios = each.ratios()
    spread = f"{min(ratios):.2f}-{max(ratios):.2f}"
    return (f"{each.case.label():<17}{each.median('null', 'per_second'):>9,.0f}"
            f"{each.median('real', 'per_second'):>11,.0f}{each.summary()['ratio']:>6.2f}  {spread:<11}"
            f"{each.ratio_by_cpu():>6.2f}{each.median('real', 'p50_us'):>8.0f}{each.median('real', 'p99_us'):>8.0f}")


def detail_line(each):
    return (f"{each.case.label():<17}{each.median('null', 'cpu_us'):>12.2f}{each.median('real', 'cpu_us'):>16.2f}"
            f"{each.null_mib:>9.1f}{each.real_mib:>7.1f}{each.start_seconds:>8.2f}{each.noise():>7.0%}")


DECIDE_PARTS = {"decide": "RCPT", "end_of_message": "end of message", "lookup": "network lookup alone"}


def decide_lines(decide):
    yield f"{'tenants':<10}{'step':<24}{'ns':>8}{'instructions':>16}"
    for each in decide:
        for part, title in DECIDE_PARTS.items():
            yield (f"{each['tenants']:<10,}{title:<24}{each[part + '_ns']:>8.0f}"
                   f"{counted(each[part + '_instructions']):>16}")


def counted(number):
    return "not available" if number is None else f"{number:,.0f}"


def outcomes_lines(outcomes):
    """One table for each length of the log."""
    for each in outcomes:
        yield f"{each.lines:<12,}{'lines/s':>30}{'lines/cpu s':>13}{'ratio':>7}{'by cpu':>8}{'peak MiB':>10}"
        for title, cost in each.costs.items():
            ratio, by_cpu = each.ratios(title)
            yield (f"{title:<32}{cost.lines_per_second:>10,.0f}{cost.lines_per_cpu_second:>13,.0f}"
                   f"{ratio:>7.2f}{by_cpu:>8.2f}{cost.peak_mib:>10.0f}")
        yield (f"a ticket: {each.ticket_ms:.2f} ms, at worst {each.ticket_worst_ms:.2f} ms; "
               f"by mailcorectl {each.ctl_ms:.0f} ms; store {each.store_mib:,.0f} MiB")


def about_line(about):
    return (f"{about['processor']}, {about['cores']} cores, {about['memory_gib']} GiB; {about['rounds']} rounds of "
            f"{about['seconds']} s; {about['date']}")


def warnings(measured):
    """What makes a line of the table no fair comparison."""
    for each in measured:
        name = f"{each.case.daemon}, {each.case.label()}"
        if each.logged_share < 0.9999:
            yield f"{name}: only {each.logged_share:.1%} of the decisions were logged"
        if not each.same_wire:
            yield f"{name}: the null filter did not negotiate what the milter did"


def table(about, measured, decide, outcomes):
    lines = [about_line(about)]
    for daemon, found in by_daemon(measured):
        lines += ["", TITLES[daemon], HEAD, *map(rate_line, found), "", DETAIL_HEAD, *map(detail_line, found)]
    if decide:
        lines += ["", "decide() alone", *decide_lines(decide)]
    if outcomes:
        lines += ["", "mailcore-outcomes: lines of a mail log, against pflogsumm", *outcomes_lines(outcomes)]
    return "\n".join([*lines, *warnings(measured)])


# The page

PAGE = """\
# Performance

Measured on {date} on {processor}, {cores} cores, {memory} GiB, Linux {kernel}, by `./dev bench`, which also wrote
this page. Take the ratios rather than the rates to your machine.

{daemons}
{decide}
{outcomes}
## What is measured

Each daemon is compared with a server of the same mechanism that does nothing: `bench/null_policy.cpp` finds the end of
each request and answers DUNNO; `bench/null_milter.cpp` is a libmilter filter with the same callbacks and the same
negotiation that adds three constant headers. What is lost against them is what deciding, counting, logging and signing
cost. The decision log goes to a file and metrics are on, as in production.

- The load speaks as Postfix 3.7.11 does. Policy: RCPT requests with all its attributes over 20 persistent connections,
  each waiting for its reply. Milter: 10 connections at a time, a new one every 10 messages, 14 headers,
  the macros Postfix sends before each step, one recipient; latency is from MAIL to the last reply.
- Each request or connection is of a tenant drawn at random: single addresses, /24 with an exclusion, IPv6 /64 and one
  backend network that a quarter of all tenants shares; senders match a domain, its subdomains or a plus-extended
  address. Every reply is checked.
- Null server and daemon take turns: {rounds} rounds of {seconds} s each, the order changing from round to
  round. A ratio is of two neighbours in time; *lowest–highest* is over all rounds. *noise* is how far apart the null
  server's own fastest and slowest rounds lie: a difference smaller than that is none.
- *by cpu* is the same ratio told by processor time: that of load generator and server together for one request, null
  server against daemon. It is what the ratio of rates becomes on a quiet machine, and what to read on a busy one.
- Load generator and server share the same {cores} cores, so the ratio of rates is kinder to the daemon than the
  ratio of *cpu µs*, the processor time of the server process for one request or message (its log thread included).
  On a host of its own, count with the latter.

## Again

    ./dev bench                                          the tables, in about ten minutes
    bench/run.py --build build/release --quick           a first look
    bench/run.py --build build/release --only policy --tenants 1,100000 --rounds 15
    bench/run.py --build build/release --write docs/performance.md
    bench/run.py --build build/release --only outcomes --outcome-lines 1000000,10000000 --write docs/performance.md

`--directory` puts configuration, sockets and decision log on the disk you want to know about. `--json` prints
everything, p99.9 included. With `--only outcomes`, only that section of the page is written again.
"""

NAMES = {"policy": "mailcore-policy", "milter": "mailcore-milter"}
UNITS = {"policy": "requests", "milter": "messages"}


def markdown_row(cells):
    return "| " + " | ".join(cells) + " |"


def markdown_table(head, rows):
    return "\n".join([markdown_row(head), markdown_row(["---"] + ["---:"] * (len(head) - 1)), *map(markdown_row, rows)])


def page_rates(daemon, found):
    unit = UNITS[daemon]
    head = ["tenants", f"null server, {unit}/s", f"mailcore, {unit}/s", "ratio", "lowest–highest", "by cpu",
            "p50 µs", "p99 µs", "null p99 µs"]
    rows = ([each.case.label(),
             f"{each.median('null', 'per_second'):,.0f}", f"{each.median('real', 'per_second'):,.0f}",
             f"**{each.summary()['ratio']:.2f}**", f"{min(each.ratios()):.2f}–{max(each.ratios()):.2f}",
             f"{each.ratio_by_cpu():.2f}",
             f"{each.median('real', 'p50_us'):.0f}", f"{each.median('real', 'p99_us'):.0f}",
             f"{each.median('null', 'p99_us'):.0f}"] for each in found)
    return markdown_table(head, rows)


def page_costs(found):
    head = ["tenants", "null server, cpu µs", "mailcore, cpu µs", "null server, MiB", "mailcore, MiB", "start, s",
            "noise"]
    rows = ([each.case.label(), f"{each.median('null', 'cpu_us'):.2f}", f"{each.median('real', 'cpu_us'):.2f}",
             f"{each.null_mib:.1f}", f"{each.real_mib:.1f}", f"{each.start_seconds:.2f}", f"{each.noise():.0%}"]
            for each in found)
    return markdown_table(head, rows)


def page_daemon(daemon, found):
    return (f"## {NAMES[daemon]}\n\n"
            f"The aim is {TARGETS[daemon]} of the null server, the same at every number of tenants.\n\n"
            f"{page_rates(daemon, found)}\n\n{page_costs(found)}\n")


def page_decide(decide):
    if not decide:
        return ""
    head = ["tenants"] + [f"{title}, {unit}" for title in DECIDE_PARTS.values() for unit in ("ns", "instructions")]
    rows = ([f"{each['tenants']:,}"] + [cell for part in DECIDE_PARTS for cell in
             (f"{each[part + '_ns']:.0f}", counted(each[part + "_instructions"]))] for each in decide)
    return ("## decide() alone\n\n"
            "In memory, one thread, tenants drawn at random, so that large sets miss the caches; the median.\n"
            "Instructions are counted by the processor, or by callgrind where it may not be asked.\n\n"
            + markdown_table(head, rows) + "\n")


OUTCOMES_HEADING = "## mailcore-outcomes"

OUTCOMES = OUTCOMES_HEADING + """

Logs become outcomes; the yardstick is pflogsumm, which counts the same generated day in the same run. The aims: parsing
and counting at 7 times its rate, joining and storing every recipient at least at its rate, memory flat. Measured on
{date}; load average {load} on {cores} cores at the start.

{tables}

- *parse and count* comes to the same totals as pflogsumm. *join and store* keeps each message and recipient in SQLite,
  in transactions of 20,000 lines, with the decisions that name tenant and ticket; *queue events* also queues an event for
  the webhook for each change, while the receiver is away all day. *mailcore-outcomes* is the daemon, reading the log
  from standard input into a fresh store, with the decision log and without. Each is one process and one thread of work.
- *by cpu* compares user and system time: what to read where others use the machine. The rates by the clock then say as
  much about what else ran.
- Every accepted message has its own ticket. A ticket's query is the median and the worst of 200 drawn at random, with
  the store in the system's cache; `mailcorectl` is the whole command where no daemon runs: two programs start and open
  the store.
"""


def page_outcomes_table(each):
    head = [f"{each.lines:,} lines", "lines/s", "lines/cpu s", "ratio", "by cpu", "peak MiB"]
    rows = []
    for title, cost in each.costs.items():
        ratio, by_cpu = each.ratios(title)
        rows.append([title, f"{cost.lines_per_second:,.0f}", f"{cost.lines_per_cpu_second:,.0f}", f"{ratio:.2f}",
                     f"**{by_cpu:.2f}**", f"{cost.peak_mib:.0f}"])
    return (markdown_table(head, rows)
            + f"\n\nA store of {each.store_mib:,.0f} MiB. A ticket's query: {each.ticket_ms:.2f} ms, at worst "
              f"{each.ticket_worst_ms:.2f} ms; by `mailcorectl` {each.ctl_ms:.0f} ms.")


def page_outcomes(about, outcomes):
    if not outcomes:
        return ""
    return OUTCOMES.format(date=about["date"], load=about["load_at_start"], cores=about["cores"],
                           tables="\n\n".join(map(page_outcomes_table, outcomes)))


def page_with_outcomes(text, about, outcomes):
    """The page as it stands, with this section new; before "What is measured" where there is none."""
    next_heading = "\n## What is measured"
    before, _, rest = text.partition(next_heading)
    before = before.partition("\n" + OUTCOMES_HEADING)[0]
    return f"{before}\n{page_outcomes(about, outcomes)}{next_heading}{rest}"


def page(about, measured, decide, outcomes):
    return PAGE.format(date=about["date"], processor=about["processor"], cores=about["cores"],
                       memory=about["memory_gib"], kernel=about["kernel"], rounds=about["rounds"],
                       seconds=about["seconds"], decide=page_decide(decide),
                       outcomes=page_outcomes(about, outcomes),
                       daemons="\n".join(page_daemon(*pair) for pair in by_daemon(measured)))
