-- removes one to five forged copies of a stamp, in any case, and adds the genuine one once
dofile(folder .. "/common.lua")

local spellings = {"X-KeyBuzz-Stamp", "x-keybuzz-stamp", "X-KEYBUZZ-STAMP", "X-Keybuzz-Stamp", "x-KeyBuzz-sTAMP"}
for copies = 1, 5 do
    local conn = connect()
    envelope(conn, "a@acme.test")
    for copy = 1, copies do
        done(mt.header(conn, spellings[copy], "v=1; k=k1; forged " .. copy), "header")
        done(mt.header(conn, "X-Other", "kept"), "header")
    end
    done(mt.header(conn, "X-KeyBuzz-Tenant", "acme"), "header")
    expect(finish(conn) == SMFIR_CONTINUE, copies .. " forged stamps pass")
    expect(mt.eom_check(conn, MT_HDRDELETE, "X-KeyBuzz-Stamp"), "the forged stamps are removed")
    expect(mt.eom_check(conn, MT_HDRDELETE, "X-KeyBuzz-Tenant"), "the claim is removed")
    expect(not mt.eom_check(conn, MT_HDRDELETE, "X-Other"), "other headers are not")
    expect(mt.eom_check(conn, MT_HDRADD, "X-KeyBuzz-Tenant", "acme"), "the tenant is added")
    expect(string.find(mt.getheader(conn, "X-KeyBuzz-Stamp", 0), "^v=1; k=k1; t=%d+; q=4jWYs717qcz8lWc; s="), "and the stamp")
    mt.disconnect(conn)
end
