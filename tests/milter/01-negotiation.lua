-- asks for headers, quarantine and macros, and for no step it does not need
dofile(folder .. "/common.lua")

local conn = mt.connect(socket, 50, 0.1)
done(mt.negotiate(conn, nil, nil, nil), "negotiate")
for name, action in pairs({add = SMFIF_ADDHDRS, change = SMFIF_CHGHDRS, quarantine = SMFIF_QUARANTINE, symlist = SMFIF_SETSYMLIST}) do
    expect(mt.test_action(conn, action), "it asks to " .. name)
end
for name, action in pairs({body = SMFIF_CHGBODY, recipients = SMFIF_ADDRCPT, deletion = SMFIF_DELRCPT, sender = SMFIF_CHGFROM}) do
    expect(not mt.test_action(conn, action), "it does not ask for " .. name)
end
for name, option in pairs({body = SMFIP_NOBODY, eoh = SMFIP_NOEOH, data = SMFIP_NODATA, unknown = SMFIP_NOUNKNOWN,
                           connect_reply = SMFIP_NR_CONN, helo_reply = SMFIP_NR_HELO, header_reply = SMFIP_NR_HDR}) do
    expect(mt.test_option(conn, option), "it can do without " .. name)
end
for name, option in pairs({connect = SMFIP_NOCONNECT, mail = SMFIP_NOMAIL, rcpt = SMFIP_NORCPT, headers = SMFIP_NOHDRS,
                           mail_reply = SMFIP_NR_MAIL, rcpt_reply = SMFIP_NR_RCPT, rejected = SMFIP_RCPT_REJ}) do
    expect(not mt.test_option(conn, option), "it does not ask to leave out or add " .. name)
end
mt.disconnect(conn)
