-- an abort at any point leaves nothing of its message to the next
dofile(folder .. "/common.lua")

local conn = connect()
done(mt.abort(conn), "abort without a message")

expect(mail(conn, "a@acme.test") == SMFIR_CONTINUE, "MAIL is accepted")
done(mt.abort(conn), "abort after MAIL")

envelope(conn, "a@acme.test")
done(mt.abort(conn), "abort after RCPT")

envelope(conn, "a@acme.test")
done(mt.header(conn, "X-KeyBuzz-Tenant", "acme"), "header")
done(mt.header(conn, "X-KeyBuzz-Ticket", "T-1"), "header")
done(mt.abort(conn), "abort after headers")

envelope(conn, "b@books.test")
done(mt.header(conn, "Subject", "x"), "header")
expect(finish(conn) == SMFIR_CONTINUE, "the next message passes")
expect(mt.eom_check(conn, MT_HDRADD, "X-KeyBuzz-Tenant", "books"), "as its own tenant's")
expect(not mt.eom_check(conn, MT_HDRADD, "X-KeyBuzz-Ticket"), "without the ticket of the one before")
expect(not mt.eom_check(conn, MT_HDRDELETE), "and nothing is removed from it")

done(mt.abort(conn), "abort after the end")
envelope(conn, "a@acme.test")
expect(finish(conn) == SMFIR_CONTINUE, "and one more passes")
expect(mt.eom_check(conn, MT_HDRADD, "X-KeyBuzz-Tenant", "acme"), "as its own tenant's")
mt.disconnect(conn)
