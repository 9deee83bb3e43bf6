-- knows clients by IPv4, IPv6 and mapped addresses, and none by another family
dofile(folder .. "/common.lua")

for _, address in ipairs({"10.0.0.250", "2001:db8::250", "::ffff:10.0.0.250"}) do
    local conn = connect(address)
    expect(mail(conn, "a@acme.test") == SMFIR_CONTINUE, address .. " is acme's")
    mt.disconnect(conn)
end
for _, address in ipairs({"10.0.0.251", "2001:db8::251", "::ffff:10.0.0.251", "unspec", "::"}) do
    local conn = connect(address)
    expect(mail(conn, "a@acme.test") == SMFIR_REPLYCODE, address .. " is nobody's")
    mt.disconnect(conn)
end
