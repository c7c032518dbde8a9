//! Every table that holds data, once: what is read, in which order, and how that is spelt. A test holds the list to
//! the migrations of both engines.

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text in UTF-8, compared byte by byte.
    Text,
    /// Bytes.
    Bytes,
    /// A whole number of 64 bits.
    Number,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name, the same on every engine.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// A table. Its first column is the tenant, the next `key` ones are the rest of its primary key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// All of its columns.
    pub columns: &'static [Column],
    /// How many columns behind the tenant tell a tenant's rows from each other; none where there is one row.
    pub key: usize,
}

const fn text(name: &'static str) -> Column {
    Column { name, kind: Kind::Text }
}

const fn bytes(name: &'static str) -> Column {
    Column { name, kind: Kind::Bytes }
}

const fn number(name: &'static str) -> Column {
    Column { name, kind: Kind::Number }
}

/// All of them, in the order in which they are copied: what says that a tenant is there comes last.
pub const TABLES: [Table; 21] = [
    Table {
        name: "policies",
        columns: &[text("tenant"), text("hash"), text("version"), text("text")],
        key: 1,
    },
    Table { name: "active_policy", columns: &[text("tenant"), text("hash")], key: 0 },
    Table { name: "subject_keys", columns: &[text("tenant"), bytes("subject"), bytes("key")], key: 1 },
    Table {
        name: "memories",
        columns: &[
            text("tenant"),
            bytes("id"),
            number("version"),
            number("valid_from_seq"),
            bytes("partition_key"),
            text("type"),
            text("kind"),
            bytes("domain_key"),
            number("state"),
            number("created"),
            number("expires"),
            text("document"),
            bytes("body"),
            number("occurred"),
            number("facets"),
            bytes("words"),
            bytes("tags"),
            number("activated"),
            bytes("conversation"),
        ],
        key: 1,
    },
    Table {
        name: "links",
        columns: &[text("tenant"), bytes("parent"), bytes("child"), number("kind"), text("transform")],
        key: 2,
    },
    Table {
        name: "vectors",
        columns: &[
            text("tenant"),
            bytes("partition_key"),
            number("seq"),
            bytes("memory_id"),
            bytes("model"),
            bytes("text_key"),
            bytes("vector"),
        ],
        key: 3,
    },
    Table {
        name: "vector_scopes",
        columns: &[text("tenant"), bytes("partition_key"), number("kept"), number("dropped")],
        key: 1,
    },
    Table { name: "memory_keys", columns: &[text("tenant"), bytes("key"), bytes("memory_id")], key: 2 },
    Table {
        name: "schemas",
        columns: &[text("tenant"), bytes("id"), number("version"), text("document")],
        key: 1,
    },
    Table {
        name: "memory_versions",
        columns: &[
            text("tenant"),
            bytes("id"),
            number("version"),
            number("valid_from_seq"),
            number("valid_to_seq"),
            number("state"),
            text("document"),
            bytes("body"),
            bytes("partition_key"),
        ],
        key: 2,
    },
    Table {
        name: "read_grants",
        columns: &[
            text("tenant"),
            bytes("id"),
            bytes("token_hash"),
            number("version"),
            number("expires"),
            text("document"),
        ],
        key: 1,
    },
    Table {
        name: "idempotency_keys",
        columns: &[text("tenant"), text("client"), text("key"), number("used"), text("document")],
        key: 2,
    },
    Table {
        name: "spiral_artifacts",
        columns: &[text("tenant"), bytes("partition_key"), bytes("id"), number("expires"), text("document")],
        key: 1,
    },
    Table {
        name: "bridges",
        columns: &[
            text("tenant"),
            bytes("id"),
            bytes("source_key"),
            bytes("target_key"),
            number("valid_from_seq"),
            number("valid_to_seq"),
            number("expires"),
            text("document"),
        ],
        key: 1,
    },
    Table {
        name: "pending_revocations",
        columns: &[text("tenant"), bytes("id"), bytes("root"), bytes("after")],
        key: 1,
    },
    Table {
        name: "consents",
        columns: &[text("tenant"), bytes("subject"), number("version"), text("document")],
        key: 1,
    },
    Table {
        name: "records",
        columns: &[
            text("tenant"),
            text("kind"),
            text("id"),
            text("group_name"),
            bytes("subject"),
            number("due"),
            number("version"),
            number("created"),
            text("document"),
        ],
        key: 2,
    },
    Table { name: "suppressions", columns: &[text("tenant"), bytes("digest")], key: 1 },
    EVENTS,
    Table {
        name: "checkpoints",
        columns: &[text("tenant"), number("number"), number("seq"), text("text")],
        key: 1,
    },
    HEADS,
];

/// The chains' entries.
pub(super) const EVENTS: Table = Table {
    name: "audit_events",
    columns: &[
        text("tenant"),
        number("seq"),
        bytes("id"),
        text("operation"),
        bytes("prev_hash"),
        bytes("hash"),
        text("text"),
        text("private"),
    ],
    key: 1,
};

/// The chains' ends.
pub(super) const HEADS: Table =
    Table { name: "audit_heads", columns: &[text("tenant"), number("seq"), bytes("hash")], key: 0 };

impl Table {
    /// The columns behind the tenant that order a tenant's rows.
    #[must_use]
    pub fn key_columns(&self) -> &'static [Column] {
        &self.columns[1..=self.key]
    }

    /// All columns' names, with commas.
    #[must_use]
    pub fn names(&self) -> String {
        listed(self.columns)
    }

    /// How the next rows of a tenant are asked for. The values are the tenant and, with `after`, the key behind which
    /// to begin; `mark` stands before a value's number.
    pub(crate) fn page(&self, mark: char, after: bool, limit: usize) -> String {
        let mut sql = format!("SELECT {} FROM {} WHERE tenant = {mark}1", self.names(), self.name);
        let key = listed(self.key_columns());
        if after {
            let values: Vec<String> = (2..self.key + 2).map(|number| format!("{mark}{number}")).collect();
            sql.push_str(&format!(" AND ({key}) > ({})", values.join(", ")));
        }
        if self.key > 0 {
            sql.push_str(&format!(" ORDER BY {key} LIMIT {limit}"));
        }
        sql
    }

    /// How a tenant's last row is asked for.
    pub(crate) fn last(&self, mark: char) -> String {
        let mut sql = format!("SELECT {} FROM {} WHERE tenant = {mark}1", self.names(), self.name);
        if self.key > 0 {
            let down: Vec<String> =
                self.key_columns().iter().map(|column| format!("{} DESC", column.name)).collect();
            sql.push_str(&format!(" ORDER BY {} LIMIT 1", down.join(", ")));
        }
        sql
    }

    /// How its tenants are asked for.
    pub(crate) fn tenants(&self) -> String {
        tenants_of(self.name)
    }
}

/// How a table's tenants are asked for: they are skipped through by the key, one look each.
pub(crate) fn tenants_of(name: &str) -> String {
    format!(
        "WITH RECURSIVE found (tenant) AS (
             SELECT min(tenant) FROM {name}
             UNION ALL
             SELECT (SELECT min(t.tenant) FROM {name} AS t WHERE t.tenant > found.tenant)
             FROM found WHERE found.tenant IS NOT NULL
         )
         SELECT tenant FROM found WHERE tenant IS NOT NULL"
    )
}

fn listed(columns: &[Column]) -> String {
    columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ")
}
