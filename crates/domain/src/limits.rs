//! Every limit, with its reason, and its unit in its name. `GET /v2/limits` reports them.

/// A tenant's name after `t_`: it is part of every key.
pub const TENANT_ID_BYTES_MAX: usize = 64;
/// A user's name: long enough for any directory's distinguished name.
pub const USER_ID_BYTES_MAX: usize = 1_024;
/// A request's name: long enough for any tracing header, short enough for every log line.
pub const REQUEST_ID_BYTES_MAX: usize = 128;
/// A scoped memory's domain, in characters.
pub const DOMAIN_CHARS_MAX: usize = 500;
/// A purpose in free text, in characters: it is a phrase, not a document.
pub const PURPOSE_CHARS_MAX: usize = 1_000;
/// A scoped memory's value as JSON: what a settings page could hold, not a file.
pub const VALUE_JSON_BYTES_MAX: usize = 64 * 1_024;
/// The shortest life of a scoped memory.
pub const TTL_DAYS_MIN: i64 = 1;
/// The longest life of a scoped memory.
pub const TTL_DAYS_MAX: i64 = 365;
/// The largest `max_age_days` (about a century).
pub const MAX_AGE_DAYS_MAX: i64 = 36_500;
/// A merged summary's text, in characters.
pub const SUMMARY_TEXT_CHARS_MAX: usize = 240;
/// The longest string that is compared fuzzily: the comparison is quadratic.
pub const FUZZY_CHARS_MAX: usize = 200;
/// How deep a request's JSON may nest: recursion is bounded by it.
pub const JSON_DEPTH_MAX: usize = 64;
/// How many values a request's JSON may hold: memory is bounded by it, whatever the bytes.
pub const JSON_VALUES_MAX: usize = 400_000;
/// A memory's content, as text or as compact JSON: a long conversation, not a document.
pub const CONTENT_BYTES_MAX: usize = 64 * 1_024;
/// A language tag: what RFC 5646 says a buffer should hold.
pub const LANGUAGE_BYTES_MAX: usize = 35;
/// A sensitivity category or an affect label, in characters: a word or two, indexed.
pub const LABEL_CHARS_MAX: usize = 64;
/// Sensitivity categories or affect labels of one memory: each is a row of its own in a store.
pub const LABELS_MAX: usize = 32;
/// Owners, or subjects, of one memory: each is a row of its own in a store.
pub const PARTIES_MAX: usize = 100;
/// The name of a surface, a conversation, a transform or a field, in characters.
pub const NAME_CHARS_MAX: usize = 200;
/// A remark in a memory's history, in characters.
pub const NOTE_CHARS_MAX: usize = 1_000;
/// Entries that a history, a trace or an affect history keeps; older ones stay in the older versions.
pub const HISTORY_ENTRIES_MAX: usize = 200;
/// Memories that one was derived from: more cannot be checked for who may see them in one load.
pub const PARENTS_MAX: usize = 256;
/// Transforms that a derived memory went through.
pub const TRANSFORM_STEPS_MAX: usize = 32;
/// Attestations of one memory, each by another person: a quorum is a handful.
pub const ATTESTATIONS_MAX: usize = 100;
/// Memories that a tool's gate is shown as evidence.
pub const EVIDENCE_MAX: usize = 256;
/// Descendants of one memory that follow a change in its own commit: some seconds of writing. More than these follow in
/// commits of their own, and are hidden until then.
pub const PROPAGATION_ROWS: usize = 5_000;
/// Memories that follow in one such commit, at most: nobody waits long behind it.
pub const PENDING_BATCH_ITEMS: usize = 1_024;
/// Ancestors that are looked at, for one answer, for whether something that a memory was derived from is still to be followed. What
/// has more of them counts as such, so that nothing is shown for want of looking.
pub const PENDING_ANCESTORS_MAX: usize = 50_000;
/// How long what is left to follow waits until the server looks for it, in seconds: hidden it is at once.
pub const PENDING_INTERVAL_SECONDS: u32 = 2;
/// Fields that one recall can change.
pub const UPDATED_FIELDS_MAX: usize = 32;
/// A seed's cue, in characters: a term, not a sentence.
pub const CUE_CHARS_MAX: usize = 100;
/// Cues of one seed.
pub const CUES_MAX: usize = 64;
/// The longest rest of a seed between two activations, in seconds (a year).
pub const COOLDOWN_SECONDS_MAX: u32 = 365 * 24 * 60 * 60;
/// The shortest half-life, in days (a second): what decays faster was never there.
pub const HALF_LIFE_DAYS_MIN: f64 = 1.0 / 86_400.0;
/// The longest half-life, in days (about a century).
pub const HALF_LIFE_DAYS_MAX: f64 = 36_500.0;
/// Flags of one scope on one memory.
pub const SCOPE_FLAGS_MAX: usize = 32;
/// Constraints of one impact.
pub const IMPACT_CONSTRAINTS_MAX: usize = 256;
/// A procedural or somatic payload as compact JSON.
pub const PAYLOAD_BYTES_MAX: usize = 16 * 1_024;
/// Steps of a procedure.
pub const STEPS_MAX: usize = 100;
/// What a somatic payload asks to be left out of prompts.
pub const DO_NOT_PROMPT_WITH_MAX: usize = 64;
/// How far an observed time may lie ahead of the server's clock, in seconds: clocks differ.
pub const OBSERVED_AHEAD_SECONDS_MAX: i64 = 5 * 60;
/// A policy document.
pub const POLICY_BYTES_MAX: usize = 256 * 1_024;
/// Rules in one policy.
pub const POLICY_RULES_MAX: usize = 1_000;
/// How deep a policy's `all`, `any`, `none` and `not` may nest.
pub const POLICY_DEPTH_MAX: usize = 16;
/// How often a request loads and decides again when something changed meanwhile.
pub const COMMIT_ATTEMPTS_MAX: usize = 16;
/// How many memories one read merges; more than anybody's settings.
pub const MERGE_MEMORIES_MAX: usize = 100_000;
/// How long a read grant lives, in hours.
pub const GRANT_HOURS: i64 = 24;
/// How long an expired grant is still told from an unknown one, in days.
pub const GRANT_KEPT_DAYS: i64 = 30;
/// How long an idempotency key is remembered, in days.
pub const IDEMPOTENCY_KEPT_DAYS: i64 = 7;
/// An idempotency key, in characters.
pub const IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;
/// Memories in one batch.
pub const BATCH_ITEMS_MAX: usize = 1_000;
/// Memories on one page of a listing.
pub const LIST_ITEMS_MAX: usize = 1_000;
/// Memories on one page of a listing, unless asked otherwise.
pub const LIST_ITEMS_DEFAULT: usize = 100;
/// Audit entries on one page.
pub const AUDIT_PAGE_ITEMS_MAX: usize = 1_000;
/// Memories that the expiry job erases in one commit.
pub const EXPIRY_BATCH_ITEMS: usize = 500;
/// Memories of a tenant that are looked at in one step when a person's are looked for.
pub const PERSON_SCAN_ITEMS: usize = 20_000;
/// Memories that are found in one step.
pub const PERSON_PAGE_ITEMS: usize = 2_000;
/// Memories that are erased or revoked in one commit, each with what follows.
pub const PERSON_BATCH_ITEMS: usize = 100;
/// Users that one request tells of.
pub const USERS_BATCH_ITEMS: usize = 100;
/// A mail address: longer ones reach nobody.
pub const EMAIL_CHARS_MAX: usize = 320;
/// What is told of a user beside their name, as JSON.
pub const USER_METADATA_BYTES_MAX: usize = 16 * 1_024;
/// Users or namespaces on one page, and so many unless asked otherwise.
pub const RECORDS_PAGE_MAX: i64 = 100;
/// Users or namespaces on one page, unless asked otherwise.
pub const RECORDS_PAGE_DEFAULT: i64 = 10;
/// Users or namespaces that are passed over to get to a page.
pub const RECORDS_SKIPPED_MAX: i64 = 1_000_000;
/// Users or namespaces that are looked at in one step on the way to a page.
pub const RECORDS_STEP_ITEMS: usize = 500;
/// What people call a namespace, and one of its limits.
pub const NAMESPACE_NAME_CHARS_MAX: usize = 200;
/// Limits that are kept with a namespace.
pub const RATE_LIMITS_MAX: usize = 32;
/// Memories of which an answer says each that it is erased; of more only how many.
pub const ERASED_SHOWN_ITEMS: usize = 1_000;
/// Memories, grants or audit entries of one person that one export holds.
pub const EXPORT_ITEMS_MAX: usize = 5_000;
/// Bridges to one scope: each is one more scope that every read of it looks at.
pub const BRIDGES_TO_MAX: usize = 16;
/// Bridges from one scope: a memory that is named by its id is looked for behind each of them.
pub const BRIDGES_FROM_MAX: usize = 64;
/// Bridges on one page of a listing.
pub const BRIDGES_PAGE_ITEMS: usize = 50;
/// Scopes or purposes that a consent names.
pub const CONSENT_NAMES_MAX: usize = 100;
/// Scopes of which one person's consent says something else than of all the others.
pub const CONSENT_SCOPES_MAX: usize = 1_000;
/// Tenants that a job looks up at a time.
pub const TENANTS_PAGE_ITEMS: usize = 1_000;
/// Memories that a listing looks at to fill one page, shown or not: beyond, it answers with what it has and a cursor.
pub const LIST_SCAN_ITEMS: usize = 5_000;
/// Memories that one answer refers to and does not show: who may see each is decided, and what is beyond is left out.
pub const REFERENCES_MAX: usize = 5_000;
/// A revocation token as a caller sends it back.
pub const TOKEN_BYTES_MAX: usize = 512;
/// A cursor as a caller sends it back.
pub const CURSOR_BYTES_MAX: usize = 512;
/// A request's body: what one memory or one policy needs, many times over.
pub const BODY_BYTES_MAX: usize = 1_024 * 1_024;
/// A batch's body.
pub const BATCH_BODY_BYTES_MAX: usize = 16 * 1_024 * 1_024;
/// The memory that a body's tree may take, by estimate: a tree of tiny objects takes ninety times its text.
pub const JSON_TREE_BYTES_MAX: usize = 48 * 1_024 * 1_024;
/// The memory that any body's tree may take; a longer body may take twice its length more.
pub const JSON_TREE_BYTES_BASE: usize = 16 * 1_024 * 1_024;
/// Bodies up to this length are read without asking how many others are.
pub const SMALL_BODY_BYTES: usize = 64 * 1_024;
/// The memory that the trees of all longer bodies may take together, in MiB; the others wait their turn.
pub const JSON_TREES_MIB_MAX: usize = 256;
/// How long a request may take, in seconds, unless configured otherwise.
pub const REQUEST_TIMEOUT_SECONDS: u64 = 30;
/// How often the expiry job runs, in seconds. What has expired is invisible at once; this only erases it.
pub const EXPIRY_INTERVAL_SECONDS: u64 = 60;
/// Tenants whose policy a server remembers; beyond, it forgets all and looks them up again.
pub const POLICIES_KNOWN_MAX: usize = 10_000;
/// The words of a constraint's topic or value: it names something, and tells nothing.
pub const CONSTRAINT_TERM_WORDS_MAX: usize = 3;
/// A constraint's topic or value, in characters.
pub const CONSTRAINT_TERM_CHARS_MAX: usize = 64;
/// The words of a constraint's rule, slot or transform.
pub const CONSTRAINT_NAME_WORDS_MAX: usize = 6;
/// A constraint's rule, slot or transform, in characters.
pub const CONSTRAINT_NAME_CHARS_MAX: usize = 96;
/// The memories that one constraint names as its support.
pub const CONSTRAINT_SOURCES_MAX: usize = 100;
/// The constraints that are derived from one event: more than anybody asks for in one message.
pub const DERIVED_CONSTRAINTS_MAX: usize = 64;
/// The cues that are derived from one event.
pub const DERIVED_CUES_MAX: usize = 32;
/// Names that one filter of a query lists: more than any closed list has.
pub const FILTER_NAMES_MAX: usize = 32;
/// How deep the predicate of a search may nest: more than a person reads.
pub const PREDICATE_DEPTH_MAX: usize = 8;
/// Tests in one predicate: each is made on every memory that a search looks at.
pub const PREDICATE_TESTS_MAX: usize = 64;
/// Values in all lists of one predicate together: each may be compared with every tag of every memory.
pub const PREDICATE_VALUES_MAX: usize = 256;
/// A text that a predicate compares with, in characters: the longest that a memory's field holds.
pub const PREDICATE_TEXT_CHARS_MAX: usize = CUSTOM_TEXT_CHARS_MAX;
/// The largest budget of a reconstruction, in tokens: what the largest models take.
pub const CONTEXT_TOKENS_MAX: i64 = 1_000_000;
/// A term of the words that a memory is found by, in bytes: the longest words of any language, not what machines write.
pub const TERM_BYTES_MAX: usize = 64;
/// Different terms by which one memory is found: a long conversation's; what stands behind them is not searched.
pub const MEMORY_TERMS_MAX: usize = 4_096;
/// The text of a query by words, in characters: a question with its circumstances, not a document.
pub const QUERY_TEXT_CHARS_MAX: usize = 1_000;
/// Different terms of a query that are looked for: each is compared with every memory of a scope.
pub const QUERY_TERMS_MAX: usize = 32;
/// Memories that match a query's words and are decided and ranked: beyond, those with the rarest terms.
pub const MATCH_ROWS: usize = 20_000;
/// Memories of those nearest to a question in meaning that are found by it, whatever their words: each is read, decided and ranked.
pub const NEAREST_ITEMS: usize = 100;
/// Of what is found, the best whose neighbours in a conversation are looked at.
pub const ANCHOR_ITEMS: usize = 30;
/// Rows that are looked at on each side of such a one, first of all, and where some of them may not be seen; the most.
pub const NEIGHBOUR_ROWS: usize = 2;
/// As [`NEIGHBOUR_ROWS`]: so many at most.
pub const NEIGHBOUR_ROWS_MAX: usize = 128;
/// What the vectors of searched scopes take in memory unless more is allowed, in bytes: a million of 384 dimensions.
pub const VECTOR_BYTES: usize = 512 * 1_024 * 1_024;
/// The name of a node type, an edge type or a property of the graph, in characters.
pub const GRAPH_NAME_CHARS_MAX: usize = 100;
/// The name that a request gives to a node, in characters: a key of the caller's own data.
pub const NODE_ID_CHARS_MAX: usize = 200;
/// Nodes that one memory brings along: a document's cast, not a database.
pub const GIVEN_NODES_MAX: usize = 200;
/// Edges that one memory brings along.
pub const GIVEN_EDGES_MAX: usize = 500;
/// How often a job is begun until it counts as failed: with the pauses between, some hours.
pub const JOB_ATTEMPTS_MAX: u32 = 12;
/// How long a job is left alone that failed once, in seconds.
pub const JOB_BACKOFF_SECONDS: u32 = 5;
/// The longest that a job is left alone, in seconds.
pub const JOB_BACKOFF_SECONDS_MAX: u32 = 60 * 60;
/// How long a server has a job in hand before another one takes it, in seconds: longer than an attempt can take.
pub const JOB_LEASE_SECONDS: i64 = 120;
/// How long what became of a job is kept, in days.
pub const JOB_KEPT_DAYS: i64 = 7;
/// How long is known which memories came in one batch, in days.
pub const BATCH_KEPT_DAYS: i64 = 30;
/// How long a server looks for deliveries that are due after it found none, in milliseconds.
pub const DELIVERY_INTERVAL_MS: u64 = 500;
/// Deliveries of one tenant that are looked at in its turn, and made at once: one slow server must not hold up the others for long.
pub const DELIVERY_BATCH_ITEMS: usize = 16;
/// How long one delivery may take, in seconds.
pub const DELIVERY_SECONDS_MAX: u64 = 10;
/// How long a delivery waits for the work that it tells of before it is given up, in hours.
pub const DELIVERY_WAIT_HOURS: i64 = 24;
/// The longest between two looks at whether that work is over, in seconds.
pub const DELIVERY_LOOK_SECONDS_MAX: i64 = 60;
/// The name of a record, and of what it is listed under: it is part of a key.
pub const RECORD_NAME_BYTES: usize = 255;
/// What a record says, as JSON.
pub const RECORD_BYTES: usize = 64 * 1_024;
/// Properties of one node or edge where no schema says fewer.
pub const NODE_PROPERTIES_MAX: usize = 64;
/// The properties of one node or edge as compact JSON.
pub const NODE_PROPERTIES_BYTES_MAX: usize = 16 * 1_024;
/// Node constraints, or edge constraints, of one policy: each may cost a search.
pub const GRAPH_CONSTRAINTS_MAX: usize = 100;
/// Properties by which one constraint looks for a node, and relationships through which it does.
pub const SEARCH_PROPERTIES_MAX: usize = 10;
/// How deep a search through relationships may nest.
pub const SEARCH_DEPTH_MAX: usize = 3;
/// How deep a constraint's condition may nest.
pub const CONDITION_DEPTH_MAX: usize = 8;
/// Tests in one constraint's condition.
pub const CONDITION_TESTS_MAX: usize = 64;
/// What an extractor is told about one property, in characters.
pub const EXTRACTION_PROMPT_CHARS_MAX: usize = 1_000;
/// Entries of one `link_to`.
pub const LINKS_MAX: usize = 50;
/// One entry of a `link_to`, in bytes.
pub const LINK_BYTES_MAX: usize = 1_024;
/// Entries of one access list of a schema, and of an item.
pub const ACL_ENTRIES_MAX: usize = 100;
/// A schema's name, and the labels of its types, in characters.
pub const SCHEMA_NAME_CHARS_MAX: usize = 100;
/// A schema's description, and those of its types and properties, in characters.
pub const SCHEMA_DESCRIPTION_CHARS_MAX: usize = 500;
/// Node types of one schema.
pub const NODE_TYPES_MAX: usize = 10;
/// Relationship types of one schema.
pub const RELATIONSHIP_TYPES_MAX: usize = 20;
/// Properties of one type in a schema.
pub const TYPE_PROPERTIES_MAX: usize = 10;
/// Values of one enumeration in a schema.
pub const ENUM_VALUES_MAX: usize = 15;
/// One value of an enumeration, in characters.
pub const ENUM_VALUE_CHARS_MAX: usize = 200;
/// A property's pattern, in characters.
pub const PATTERN_CHARS_MAX: usize = 200;
/// What a property's compiled pattern may take, in bytes.
pub const PATTERN_BYTES_MAX: usize = 64 * 1_024;
/// Topics, emotion tags or emoji tags of one item.
pub const ITEM_TAGS_MAX: usize = 64;
/// One of them, in characters.
pub const ITEM_TAG_CHARS_MAX: usize = 200;
/// An item's source, place or conversation, in characters.
pub const ITEM_TEXT_CHARS_MAX: usize = 2_000;
/// An item's metadata as compact JSON.
pub const ITEM_METADATA_BYTES_MAX: usize = 64 * 1_024;
/// Members of an item's `customMetadata`.
pub const CUSTOM_KEYS_MAX: usize = 64;
/// The name of one of them, in characters.
pub const CUSTOM_KEY_CHARS_MAX: usize = 64;
/// A text in an item's `customMetadata`, in characters.
pub const CUSTOM_TEXT_CHARS_MAX: usize = 4_000;
/// A list in an item's `customMetadata`.
pub const CUSTOM_LIST_MAX: usize = 64;
/// An item's content in bytes, unless configured otherwise: what clients of this dialect count on.
pub const ITEM_CONTENT_BYTES_MAX: usize = 15_000;
/// The contents of one batch of items together, in bytes.
pub const ITEM_BATCH_BYTES_MAX: usize = 750_000;
/// Items in one batch.
pub const ITEM_BATCH_ITEMS_MAX: usize = 50;
/// Items of a batch that are written together, unless asked otherwise.
pub const ITEM_BATCH_SIZE_DEFAULT: i64 = 10;
/// Open Memory Objects of one export or import: what one commit holds of memories.
pub const OMO_ITEMS_MAX: usize = 1_000;
/// All objects of one export together, as JSON: what the body of an import may hold, with room for what surrounds them.
pub const OMO_EXPORT_BYTES_MAX: usize = BATCH_BODY_BYTES_MAX - 64 * 1_024;
/// The ids of an export in its address.
pub const URI_IDS_BYTES_MAX: usize = 48 * 1_024;
/// The `ext` of one object as compact JSON: whatever a request that added an item could say, and what came of it.
pub const OMO_EXT_BYTES_MAX: usize = 4 * 1_024 * 1_024;
/// Messages that surround one item.
pub const ITEM_CONTEXT_MESSAGES_MAX: usize = 100;
/// A search for items, in characters: a few sentences that describe what is wanted.
pub const ITEM_QUERY_CHARS_MAX: usize = 8_000;
/// Items, or nodes, that one search returns.
pub const SEARCH_RESULTS_MAX: i64 = 100;
/// Items that one search returns, unless asked otherwise.
pub const SEARCH_ITEMS_DEFAULT: i64 = 20;
/// Nodes that one search returns, unless asked otherwise.
pub const SEARCH_NODES_DEFAULT: i64 = 15;
/// Conditions on properties in one search by a pattern of the graph.
pub const SEARCH_FILTERS_MAX: usize = 20;
/// Memories on one page of what waits for a review: as many as somebody looks through.
pub const REVIEW_ITEMS_MAX: i64 = 100;
/// The same, unless asked otherwise.
pub const REVIEW_ITEMS_DEFAULT: i64 = 20;
/// Schemas of one tenant that a listing looks at.
pub const SCHEMAS_LISTED_MAX: usize = 1_000;
/// Steps along edges that one look at a graph may go.
pub const GRAPH_DEPTH_MAX: usize = 3;
/// Memories that one look at a graph, or the making of one memory's, may read.
pub const GRAPH_MEMORIES_MAX: usize = 2_000;
/// Nodes that a question may name.
pub const WALK_NAMED_NODES: usize = 10;
/// Nodes that a question may lead to, with those that it names.
pub const WALK_NODES: usize = 50;
/// Different terms of a node's property that may be its name; what has more describes it.
pub const NODE_NAME_TERMS_MAX: usize = 12;
/// The same in bytes.
pub const NODE_NAME_BYTES_MAX: usize = 200;
/// Terms by which one memory's nodes are looked for.
pub const NODE_TERMS_MAX: usize = 100;
/// Memories before another that one `$context:N` links it with.
pub const CONTEXT_LINKS_MAX: u8 = 20;
/// Memories of a scope, beside as many as are wanted, among which those before another are looked for: some of them may not be seen.
pub const GRAPH_PREVIOUS_ITEMS: usize = 16;
/// Memories whose graphs are made between two looks at what waits.
pub const EXTRACTION_BATCH_ITEMS: usize = 50;
/// How often the extraction of one memory's graph is tried.
pub const EXTRACTION_ATTEMPTS_MAX: u32 = 5;
/// How long the first failure of an extraction keeps it from being tried again, in seconds. Each further one does so for five times
/// as long, so that the last try is about two and a half hours after the first.
pub const EXTRACTION_BACKOFF_SECONDS: u32 = 60;
/// Between two looks at those extractions that are not to be tried at once, in seconds.
pub const EXTRACTION_LATER_INTERVAL_SECONDS: u64 = 10;
/// The longest pause of the extraction job while its extractor fails whatever it is given, in seconds.
pub const EXTRACTION_PAUSE_SECONDS_MAX: u64 = 120;
/// What a model may answer to one text, in tokens: a long list of nodes.
pub const MODEL_ANSWER_TOKENS_MAX: u32 = 4_096;
/// A model's answer in bytes, with all that is around it; what is longer is not read to its end.
pub const MODEL_ANSWER_BYTES_MAX: u64 = 1_024 * 1_024;
/// How often one question is put to a model's endpoint that does not take it.
pub const MODEL_TRIES_MAX: u32 = 3;
/// The longest that such an endpoint may ask to be left alone, in seconds; one that asks for more is left alone by the job.
pub const MODEL_RETRY_AFTER_SECONDS_MAX: u64 = 30;
/// What the built-in embedder reads of a text, in tokens, with one at each end: what its model was trained on.
pub const EMBED_TOKENS_MAX: usize = 256;
/// What an endpoint is sent of a text to embed, in characters: about two thousand tokens, which most models take.
pub const EMBED_TEXT_CHARS_MAX: usize = 8_000;
/// Texts in one request for embeddings; more are sent in several.
pub const EMBED_BATCH_ITEMS: usize = 64;
/// Memories that wait for their embeddings in a process; where there are more, all are looked through for those without.
pub const EMBED_QUEUE_ITEMS: usize = 100_000;
/// The longest pause of the job that embeds, in seconds, where its model fails.
pub const EMBED_PAUSE_SECONDS_MAX: u64 = 30;
/// The dimensions of an embedding: more than any common model has, and 16 KiB.
pub const EMBEDDING_DIMENSIONS_MAX: usize = 4_096;
/// An answer to such a request in bytes: that many texts in that many dimensions, each number written out.
pub const EMBED_ANSWER_BYTES_MAX: u64 = 8 * 1_024 * 1_024;
/// Between two looks at whose graph waits to be made, in milliseconds: what was added is in the graph about then.
pub const EXTRACTION_INTERVAL_MS: u64 = 500;
/// Keys that one load asks for.
pub const KEYS_ASKED_MAX: usize = 1_000;
/// A webhook's address, or its secret, in bytes.
pub const WEBHOOK_BYTES_MAX: usize = 2_048;
/// The name of a session, in characters: a UUID with what an application puts before it, and room.
pub const SESSION_ID_CHARS_MAX: usize = 256;
/// A session's title, in characters: one line of a list.
pub const SESSION_TITLE_CHARS_MAX: usize = 200;
/// A session's metadata as compact JSON.
pub const SESSION_METADATA_BYTES_MAX: usize = 16 * 1_024;
/// Messages of one session that a look at it reads, the oldest first: of what is behind nothing is shown.
pub const SESSION_MESSAGES_MAX: usize = 20_000;
/// Messages of a session that one answer shows.
pub const SESSION_PAGE_MESSAGES_MAX: i64 = 100;
/// The same, unless asked otherwise.
pub const SESSION_PAGE_MESSAGES_DEFAULT: i64 = 50;
/// Messages of a session that one request has processed: each is a commit of its own.
pub const SESSION_PROCESS_MESSAGES: usize = 1_000;
/// Blocks of one message.
pub const MESSAGE_BLOCKS_MAX: usize = 100;
/// A summary of a session's last messages, in bytes: a paragraph.
pub const SUMMARY_SHORT_BYTES: usize = 800;
/// A summary of its last hundred: two.
pub const SUMMARY_MEDIUM_BYTES: usize = 1_600;
/// A summary of all of it: less than a page.
pub const SUMMARY_LONG_BYTES: usize = 3_000;
/// A sentence of a summary: longer ones are hardly sentences.
pub const SUMMARY_SENTENCE_BYTES: usize = 400;
/// Topics, decisions or next steps of a summary.
pub const SUMMARY_LIST_ITEMS: usize = 8;
/// A session's summary with its last messages, for a model.
pub const SUMMARY_CONTEXT_BYTES: usize = 16 * 1_024;
/// Items of feedback in one batch.
pub const FEEDBACK_BATCH_ITEMS_MAX: usize = 100;
/// Each free text of one item of feedback, in bytes: a few pages.
pub const FEEDBACK_TEXT_BYTES_MAX: usize = 8 * 1_024;
/// Memories, or nodes, that one item of feedback cites: as many as a search may return.
pub const FEEDBACK_CITED_MAX: usize = 100;
/// Searches that one person's opinion of one memory remembers: what was thought long ago says little.
pub const OPINION_VOTES_MAX: usize = 200;
/// Memories about which opinions are asked for at once.
pub const OPINIONS_ASKED_MAX: usize = 200;
