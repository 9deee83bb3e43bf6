-- strips local mail, and neither refuses nor stamps it
dofile(folder .. "/common.lua")

local conn = connect("127.0.0.1", "0")
envelope(conn, "cron@host.test", "user@bad.test")
done(mt.header(conn, "X-KeyBuzz-Tenant", "acme"), "header")
expect(finish(conn) == SMFIR_CONTINUE, "local mail passes")
expect(mt.eom_check(conn, MT_HDRDELETE, "X-KeyBuzz-Tenant"), "stripped")
expect(not mt.eom_check(conn, MT_HDRADD), "and without a stamp")
mt.disconnect(conn)

conn = connect("127.0.0.1", "25")
expect(mail(conn, "cron@host.test") == SMFIR_REPLYCODE, "an SMTP client of the loopback is not local mail")
mt.disconnect(conn)
