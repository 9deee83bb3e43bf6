-- judges every message on a connection anew, also after refusals at MAIL, RCPT and the end
dofile(folder .. "/common.lua")

local conn = connect()
for _ = 1, 3 do
    envelope(conn, "a@acme.test")
    expect(finish(conn) == SMFIR_CONTINUE, "acme's message passes")
    expect(mt.eom_check(conn, MT_HDRADD, "X-KeyBuzz-Tenant", "acme"), "stamped for acme")

    expect(mail(conn, "a@stranger.test") == SMFIR_REPLYCODE, "a foreign sender is refused at MAIL")

    expect(mail(conn, "a@acme.test") == SMFIR_CONTINUE, "MAIL is accepted")
    expect(rcpt(conn, "user@bad.test") == SMFIR_REPLYCODE, "a denied recipient is refused at RCPT")
    expect(rcpt(conn, "user@good.test") == SMFIR_CONTINUE, "and another accepted")
    done(mt.header(conn, "X-KeyBuzz-Tenant", "books"), "header")
    expect(finish(conn) == SMFIR_REPLYCODE, "the claim of another tenant is refused at the end")
    expect(not mt.eom_check(conn, MT_HDRADD), "and nothing is added")

    envelope(conn, "b@books.test")
    expect(finish(conn) == SMFIR_CONTINUE, "books' message passes")
    expect(mt.eom_check(conn, MT_HDRADD, "X-KeyBuzz-Tenant", "books"), "stamped for books")
end
mt.disconnect(conn)
