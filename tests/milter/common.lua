-- Words for the scripts: a connection as Postfix opens one, expectations that name what they expected.

-- miltertest itself says nothing of an error, so we do.
function fail(message)
    mt.echo(message)
    error(message)
end

function expect(condition, claim)
    if not condition then fail("not so: " .. claim) end
end

function done(problem, step)
    if problem ~= nil then fail(step .. ": " .. tostring(problem)) end
end

-- Without mt.negotiate() miltertest offers no step without reply; a script may have negotiated before.
function connect(address, port)
    local conn = mt.connect(socket, 50, 0.1)
    expect(conn ~= nil, "there is a filter at " .. socket)
    done(mt.negotiate(conn, nil, nil, nil), "negotiate")
    introduce(conn, address, port)
    return conn
end

function introduce(conn, address, port)
    mt.macro(conn, SMFIC_CONNECT, "{daemon_port}", port or "25", "{client_addr}", address or "10.0.0.250")
    done(mt.conninfo(conn, "client.test", address or "10.0.0.250"), "connect")
    done(mt.helo(conn, "client.test"), "helo")
end

-- miltertest sends no macros at the end of a message; libmilter finds `i` where an earlier step gave it.
function mail(conn, sender, queue_id)
    mt.macro(conn, SMFIC_MAIL, "j", "mx.test", "i", queue_id or "4jWYs717qcz8lWc", "{mail_addr}", sender)
    done(mt.mailfrom(conn, "<" .. sender .. ">", "SIZE=100"), "mail")
    return mt.getreply(conn)
end

function rcpt(conn, recipient)
    mt.macro(conn, SMFIC_RCPT, "{rcpt_addr}", recipient)
    done(mt.rcptto(conn, "<" .. recipient .. ">"), "rcpt")
    return mt.getreply(conn)
end

function envelope(conn, sender, recipient)
    expect(mail(conn, sender) == SMFIR_CONTINUE, "MAIL is accepted")
    expect(rcpt(conn, recipient or "user@example.com") == SMFIR_CONTINUE, "RCPT is accepted")
end

function finish(conn)
    done(mt.eom(conn), "end of message")
    return mt.getreply(conn)
end
