-- takes 8-bit names, values and addresses for what they are, and adds nothing but ASCII
dofile(folder .. "/common.lua")

local conn = connect()
envelope(conn, "a@acme.test", "us\195\169r@example.com")
done(mt.header(conn, "X-KeyBuzz-St\195\164mp", "another header"), "header")
done(mt.header(conn, "X-KeyBuzz-Stamp", "\233\255 forged"), "header")
done(mt.header(conn, "X-KeyBuzz-Ticket", ""), "header")
done(mt.header(conn, "Subject", "\226\130\172 [#T-\233]"), "header")
expect(finish(conn) == SMFIR_CONTINUE, "it passes")
expect(mt.eom_check(conn, MT_HDRDELETE, "X-KeyBuzz-Stamp"), "the forged stamp is removed")
expect(not mt.eom_check(conn, MT_HDRDELETE, "X-KeyBuzz-St\195\164mp"), "its neighbour is not")
expect(not mt.eom_check(conn, MT_HDRADD, "X-KeyBuzz-Ticket"), "what is not ASCII is no ticket")

envelope(conn, "a@acme.test")
done(mt.header(conn, "X-KeyBuzz-Tenant", "acm\233"), "header")
expect(finish(conn) == SMFIR_REPLYCODE, "an 8-bit claim is no tenant")
mt.disconnect(conn)
