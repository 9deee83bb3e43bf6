-- holds what a rule holds, stripped and stamped
dofile(folder .. "/common.lua")

local conn = connect()
envelope(conn, "a@acme.test", "user@watched.test")
done(mt.header(conn, "X-KeyBuzz-Stamp", "forged"), "header")
expect(finish(conn) == SMFIR_CONTINUE, "it passes")
expect(mt.eom_check(conn, MT_QUARANTINE, "mailcore: rule look-first"), "into the hold queue")
expect(mt.eom_check(conn, MT_HDRDELETE, "X-KeyBuzz-Stamp"), "stripped")
expect(mt.eom_check(conn, MT_HDRADD, "X-KeyBuzz-Tenant", "acme"), "and stamped")

envelope(conn, "a@acme.test")
expect(finish(conn) == SMFIR_CONTINUE, "the next one passes")
expect(not mt.eom_check(conn, MT_QUARANTINE), "and is not held")
mt.disconnect(conn)
