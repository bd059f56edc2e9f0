/**
 * Steps that bring a database from `user_version` n to n + 1, in order. A step that has been released is never edited.
 * Times are REAL, for they are JavaScript numbers (jitter makes fractions); up to 2^53 whole ones are exact.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    incarnation TEXT NOT NULL,
    born_at REAL NOT NULL
  ) STRICT;

  CREATE TABLE fleet (
    name TEXT PRIMARY KEY,
    epoch INTEGER NOT NULL,
    holder TEXT NOT NULL,
    rollout TEXT,
    status TEXT,
    endpoints TEXT
  ) STRICT;

  CREATE TABLE mark (
    fleet TEXT NOT NULL,
    container_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    at REAL NOT NULL,
    deadline_at REAL NOT NULL,
    stop_at REAL,
    epoch INTEGER NOT NULL,
    PRIMARY KEY (fleet, container_id)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE engine (
    fleet TEXT NOT NULL,
    container_id TEXT NOT NULL,
    first_ready_at REAL NOT NULL,
    PRIMARY KEY (fleet, container_id)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE backoff (
    fleet TEXT NOT NULL,
    slot TEXT NOT NULL,
    failures INTEGER NOT NULL,
    not_before REAL NOT NULL,
    container_id TEXT NOT NULL,
    PRIMARY KEY (fleet, slot)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE reservation (
    fleet TEXT NOT NULL,
    id TEXT NOT NULL,
    container_id TEXT NOT NULL,
    content TEXT NOT NULL,
    holder TEXT NOT NULL,
    state TEXT NOT NULL,
    expires_at REAL NOT NULL,
    PRIMARY KEY (fleet, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX reservation_by_engine ON reservation (fleet, container_id);
  CREATE INDEX reservation_by_expiry ON reservation (expires_at);

  CREATE TABLE traffic (
    fleet TEXT NOT NULL,
    container_id TEXT NOT NULL,
    last_bytes_at REAL NOT NULL,
    PRIMARY KEY (fleet, container_id)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE request (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    fleet TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (fleet, body)
  ) STRICT;

  CREATE TABLE accepted_spec (
    fleet TEXT NOT NULL,
    generation INTEGER NOT NULL,
    hash TEXT NOT NULL,
    document TEXT NOT NULL,
    source TEXT NOT NULL,
    accepted_at REAL NOT NULL,
    PRIMARY KEY (fleet, generation)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE event (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    first_at REAL NOT NULL,
    count INTEGER NOT NULL,
    fleet TEXT NOT NULL,
    type TEXT NOT NULL,
    reason TEXT NOT NULL,
    message TEXT NOT NULL,
    slot TEXT,
    vpn TEXT,
    container_id TEXT,
    epoch INTEGER,
    reconcile_id TEXT
  ) STRICT;
  CREATE INDEX event_fold ON event (fleet, reason, message, slot, at);
  `,
  `
  CREATE TABLE node_note (
    fleet TEXT NOT NULL,
    node TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (fleet, node)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  ALTER TABLE reservation ADD COLUMN relay TEXT NOT NULL DEFAULT '';
  CREATE INDEX reservation_by_content ON reservation (fleet, content);
  ALTER TABLE traffic ADD COLUMN used_at REAL NOT NULL DEFAULT 0;

  CREATE TABLE alias (
    fleet TEXT NOT NULL,
    content TEXT NOT NULL,
    meaning TEXT NOT NULL,
    PRIMARY KEY (fleet, content)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  ALTER TABLE reservation ADD COLUMN stat TEXT NOT NULL DEFAULT '';
  `,
  `
  ALTER TABLE reservation ADD COLUMN figures TEXT NOT NULL DEFAULT '';
  `,
]
