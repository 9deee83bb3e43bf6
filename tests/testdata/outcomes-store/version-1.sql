-- A store of schema version 1 as sqlite3's .dump writes it: one message to two recipients, one bounced, one put off.
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA application_id = 1835233141;
PRAGMA user_version = 1;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
INSERT INTO names VALUES(0,'');
INSERT INTO names VALUES(1,'kbz_test');
INSERT INTO names VALUES(2,'postfix');
INSERT INTO names VALUES(3,'SMTP');
INSERT INTO names VALUES(4,'SES');
CREATE TABLE messages (
  id              INTEGER PRIMARY KEY,
  instance        INTEGER NOT NULL REFERENCES names(id),
  queue_id        TEXT NOT NULL,
  tenant          INTEGER NOT NULL REFERENCES names(id),
  ticket          TEXT NOT NULL,
  message_id      TEXT NOT NULL,
  sender          TEXT NOT NULL,
  client          TEXT NOT NULL,
  began           INTEGER NOT NULL,
  changed         INTEGER NOT NULL,
  decided_at      INTEGER NOT NULL,
  size            INTEGER NOT NULL,
  expected        INTEGER NOT NULL,
  decided         INTEGER NOT NULL,
  opened          INTEGER NOT NULL,
  seen            INTEGER NOT NULL,
  ended           INTEGER NOT NULL,
  lost            INTEGER NOT NULL,
  refusal         INTEGER NOT NULL,
  notification_of TEXT NOT NULL,
  hop_of          TEXT NOT NULL,
  hop_instance    INTEGER NOT NULL REFERENCES names(id)
) STRICT;
INSERT INTO messages VALUES(1,2,'4jWYs717qcz8lWc',1,'ticket_smtp_test_001','<1@app.test>','amazon@inbound.keybuzz.io','10.0.0.250',1795323600000000,1795323603000000,1795323601000000,2101,2,1,1,1,0,0,0,'','',0);
CREATE TABLE recipients (
  change            INTEGER PRIMARY KEY,
  message           INTEGER NOT NULL REFERENCES messages(id) ON DELETE CASCADE,
  tenant            INTEGER NOT NULL REFERENCES names(id),
  status            INTEGER NOT NULL,
  at                INTEGER NOT NULL,
  attempts          INTEGER NOT NULL,
  provider          INTEGER NOT NULL REFERENCES names(id),
  open              INTEGER NOT NULL,
  told              INTEGER NOT NULL,
  counted           INTEGER NOT NULL,
  deferrals_counted INTEGER NOT NULL,
  told_at           INTEGER NOT NULL,
  recipient         TEXT NOT NULL,
  orig_to           TEXT NOT NULL,
  relay             TEXT NOT NULL,
  dsn               TEXT NOT NULL,
  reason            TEXT NOT NULL,
  notification_id   TEXT NOT NULL,
  via               TEXT NOT NULL,
  told_dsn          TEXT NOT NULL
) STRICT;
INSERT INTO recipients VALUES(1,1,1,1,1795323602000000,2,3,1,0,0,2,1795323602000000,'anna@example.com','team@example.com','none','4.4.1','connect to mx.example[192.0.2.1]:25: Connection timed out','','','4.4.1');
INSERT INTO recipients VALUES(2,1,1,3,1795323603000000,1,4,0,1,1,0,0,'berta@example.com','','email-smtp.eu-west-1.amazonaws.com[192.0.2.7]:587','5.1.1','550 5.1.1 no such user','4jWYs80Gz8z9Qn1','','');
CREATE TABLE terms (
  slice   INTEGER NOT NULL,
  hash    INTEGER NOT NULL,
  message INTEGER NOT NULL,
  PRIMARY KEY (slice, hash, message)
) WITHOUT ROWID, STRICT;
INSERT INTO terms VALUES(0,-9161435707964235423,1);
INSERT INTO terms VALUES(0,-8586707235377679454,1);
INSERT INTO terms VALUES(0,-2049281485018427632,1);
INSERT INTO terms VALUES(0,3372411806388147593,1);
INSERT INTO terms VALUES(0,5601795100666115152,1);
INSERT INTO terms VALUES(0,9118409745964039160,1);
CREATE TABLE events (
  id              INTEGER PRIMARY KEY,
  message         INTEGER NOT NULL REFERENCES messages(id) ON DELETE CASCADE,
  state           INTEGER NOT NULL,
  due             INTEGER NOT NULL,
  attempts        INTEGER NOT NULL,
  first_tried     INTEGER NOT NULL,
  finished        INTEGER NOT NULL,
  error           TEXT NOT NULL,
  event_id        TEXT NOT NULL,
  status          INTEGER NOT NULL,
  at              INTEGER NOT NULL,
  deliveries      INTEGER NOT NULL,
  provider        INTEGER NOT NULL REFERENCES names(id),
  recipient       TEXT NOT NULL,
  orig_to         TEXT NOT NULL,
  relay           TEXT NOT NULL,
  dsn             TEXT NOT NULL,
  reason          TEXT NOT NULL,
  notification_id TEXT NOT NULL
) STRICT;
INSERT INTO events VALUES(1,1,0,0,0,0,0,'','5f1b0c3e-8a2d-8c11-9d3e-0123456789ab',3,1795323603000000,1,4,'berta@example.com','','email-smtp.eu-west-1.amazonaws.com[192.0.2.7]:587','5.1.1','550 5.1.1 no such user','');
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID, STRICT;
INSERT INTO counters VALUES('deferred|SMTP|kbz_test',2);
INSERT INTO counters VALUES('failed|SES|kbz_test',1);
CREATE TABLE positions (source TEXT PRIMARY KEY, position TEXT NOT NULL) WITHOUT ROWID, STRICT;
INSERT INTO positions VALUES('mail_log','inode 7 offset 4711');
CREATE TABLE numbers (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID, STRICT;
INSERT INTO numbers VALUES('change',2);
INSERT INTO numbers VALUES('event',1);
INSERT INTO numbers VALUES('message',1);
CREATE INDEX messages_open ON messages(changed) WHERE ended = 0;
CREATE INDEX messages_unseen ON messages(decided_at) WHERE seen = 0 AND ended = 0 AND lost = 0;
CREATE INDEX messages_refusal ON messages(began) WHERE refusal = 1;
CREATE INDEX recipients_message ON recipients(message);
CREATE INDEX recipients_at ON recipients(at);
CREATE INDEX recipients_tenant ON recipients(tenant, at);
CREATE INDEX recipients_status ON recipients(status, at) WHERE status <> 2;
CREATE INDEX recipients_tenant_status ON recipients(tenant, status, at) WHERE status <> 2;
CREATE INDEX recipients_open ON recipients(provider, tenant) WHERE open = 1;
CREATE INDEX events_message ON events(message);
CREATE INDEX events_state ON events(state, due) WHERE state <> 3;
COMMIT;
