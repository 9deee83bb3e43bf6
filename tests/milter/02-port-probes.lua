-- survives connections that say nothing, or only half of what is due
dofile(folder .. "/common.lua")

for _ = 1, 20 do
    mt.disconnect(mt.connect(socket, 50, 0.1), false)

    local negotiated = mt.connect(socket)
    done(mt.negotiate(negotiated, nil, nil, nil), "negotiate")
    mt.disconnect(negotiated, false)

    local connected = connect()
    mt.disconnect(connected, false)

    local half = connect()
    expect(mail(half, "a@acme.test") == SMFIR_CONTINUE, "MAIL is accepted")
    mt.disconnect(half, false)
end

local conn = connect()
envelope(conn, "a@acme.test")
expect(finish(conn) == SMFIR_CONTINUE, "a message still passes")
expect(mt.eom_check(conn, MT_HDRADD, "X-KeyBuzz-Tenant", "acme"), "and is stamped")
mt.disconnect(conn)
