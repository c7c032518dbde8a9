"""Every method of the official client with all of its parameters, against a server: python shapes.py ADDRESS.

Each call is answered with 2xx, and then the answer is of the type that the client promises, member by member; or with a status that says why
not. The table is complete: a method, or a parameter of one, that no call sends is an error.
"""

import inspect
import logging
import os
import sys

os.environ["PAPR_ONDEVICE_PROCESSING"] = "false"
logging.disable(logging.CRITICAL)

import papr_memory  # noqa: E402
from papr_memory._resource import SyncAPIResource  # noqa: E402

UNBUILT = {501}
# Pages for people that other servers of this API have beside it.
ELSEWHERE = {404, 501}
OWN = {"extra_headers", "extra_query", "extra_body", "timeout", "self"}

SEARCH = {"mode": "exact", "threshold": 0.9, "properties": ["id", {"name": "title", "mode": "semantic", "threshold": 0.8, "value": "x"}],
          "via_relationship": [{"edge_type": "ASSIGNED_TO", "target_type": "Person", "direction": "outgoing",
                                "target_search": {"properties": [{"name": "email", "mode": "exact", "value": "a@b.c"}]}}]}
SET = {"status": "done", "summary": {"mode": "auto", "prompt": "In one sentence", "text_mode": "merge"}}
WHEN = {"_and": [{"priority": "high"}, {"_or": [{"a": 1}, {"_not": {"b": 2}}]}]}
NODE = {"node_type": "Task", "create": "upsert", "on_miss": "create", "link_only": False, "search": SEARCH, "set": SET, "when": WHEN}
EDGE = {"edge_type": "BLOCKS", "source_type": "Task", "target_type": "Task", "direction": "outgoing", "create": "lookup",
        "on_miss": "ignore", "link_only": False, "search": SEARCH, "set": SET, "when": WHEN}
ACL = {"read": ["external_user:ben", "role:agent"], "write": ["cy"]}
AUTO = {"mode": "auto", "consent": "explicit", "risk": "none", "acl": ACL, "node_constraints": [NODE], "edge_constraints": [EDGE],
        "relationships": [{"source": "$this", "target": "$previous", "type": "FOLLOWS", "properties": {"n": 1}}]}
MANUAL = {"mode": "manual", "nodes": [{"id": "t", "type": "Transaction", "properties": {"amount": 5.5}}, {"id": "p", "type": "Product"}],
          "relationships": [{"source": "t", "target": "p", "type": "PURCHASED", "properties": {"n": 1}}]}
NESTED = {"consent": "terms", "risk": "sensitive", "acl": ACL, "graph": {"mode": "none"}}
LEGACY = {"mode": "manual", "manual": {"nodes": [{"id": "x", "label": "Thing", "properties": {"a": "b"}}], "relationships": [
    {"source_node_id": "x", "target_node_id": "x", "relationship_type": "IS", "properties": {"a": "b"}}]}}
METADATA = {
    "role": "user", "category": "preference", "topics": ["a"], "emoji_tags": ["✈"], "emotion_tags": ["glad"],
    "hierarchical_structures": "a/b", "source_url": "https://example.org", "source_type": "web", "page_id": "p",
    "conversation_id": "c", "location": "Lisbon", "created_at": "2025-01-01T00:00:00Z", "custom_metadata": {"trip": 7, "list": ["a"]},
    "session_id": "s", "post": "p", "user_message": "u", "assistant_message": "a", "upload_id": "u", "related_goals": ["g"],
    "related_use_cases": ["u"], "related_steps": ["s"], "goal_classification_scores": [0.5], "use_case_classification_scores": [0.5],
    "step_classification_scores": [0.5], "external_user_read_access": ["ben"], "external_user_write_access": ["cy"],
    "role_read_access": ["agent"], "role_write_access": [], "user_read_access": [], "user_write_access": [],
}
CONTEXT = [{"role": "user", "content": "Where?"}, {"role": "assistant", "content": "In Lisbon."}]
POINTER = {"_type": "Pointer", "class_name": "PostMessage", "object_id": "abc123def456"}
FEEDBACK = {"feedback_type": "thumbs_up", "feedback_source": "inline", "feedback_value": "helpful", "feedback_score": 1,
            "feedback_text": "It helped", "feedback_impact": "positive", "feedback_processed": True, "cited_memory_ids": ["mem_1"],
            "cited_node_ids": ["node_1"], "user_message": POINTER, "assistant_message": POINTER}
SIGNALS = [{"name": "s", "type": "text", "description": "d", "weight": 1.0}]
SCHEMA = {
    "name": "Tickets", "description": "d", "version": "1.0.0", "status": "active", "scope": "organization", "read_access": ["ben"],
    "write_access": ["cy"], "memory_policy": {"mode": "auto", "consent": "terms"},
    "node_types": {"Ticket": {"name": "Ticket", "label": "Ticket", "description": "d", "color": "#fff", "icon": "i", "properties": {
        "id": {"type": "string", "required": True, "description": "d", "min_length": 1, "max_length": 9, "pattern": "^T"},
        "state": {"type": "string", "enum_values": ["open", "done"], "default": "open"},
        "weight": {"type": "float", "min_value": 0, "max_value": 9}}, "constraint": {"search": {"properties": ["id"]}},
        "required_properties": ["id"], "unique_identifiers": ["id"], "resolution_policy": "upsert", "link_only": False}},
    "relationship_types": {"BLOCKS": {"name": "BLOCKS", "label": "blocks", "description": "d", "allowed_source_types": ["Ticket"],
                                      "allowed_target_types": ["Ticket"], "cardinality": "many-to-many", "color": "#000",
                                      "resolution_policy": "lookup", "link_only": False, "constraint": {"create": "lookup"},
                                      "properties": {"since": {"type": "datetime"}}}},
}
SERVER_SET = {"id": "schema_1", "created_at": "2025-01-01T00:00:00Z", "updated_at": "2025-01-01T00:00:00Z", "user_id": "u", "usage_count": 3,
              "last_used_at": "2025-01-01T00:00:00Z", "organization": "o", "namespace": "n", "workspace_id": "w"}
OMO = {"id": "elsewhere/1", "createdAt": "2025-01-01T00:00:00Z", "type": "text", "content": "Ana rows.", "consent": "terms"}
PLACE = {"organization_id": "acme", "namespace_id": "n"}
NEO4J = {"bolt_url": "neo4j+s://example.org", "password": "p"}


class Table:
    """The calls, and what they have sent."""

    def __init__(self, address):
        self.papr = papr_memory.Papr(x_api_key="any", base_url=address, max_retries=0, _strict_response_validation=True)
        self.sent = {}
        self.failed = []

    def __call__(self, name, statuses=frozenset(), /, **arguments):
        """Calls a method; what it answers, unless it is refused with one of these statuses. No status: it must be served."""
        self.sent.setdefault(name, set()).update(arguments)
        method = self.papr
        for part in name.split("."):
            method = getattr(method, part)
        try:
            answer = method(**arguments)
        except papr_memory.APIResponseValidationError as error:
            return self.failed.append(f"{name}: an answer of another type: {error.response.text[:300]} {error.__cause__}")
        except papr_memory.APIStatusError as error:
            if error.status_code not in statuses:
                self.failed.append(f"{name} {sorted(arguments)}: {error.status_code} {error.response.text[:300]}")
            return None
        if statuses and not any(status < 300 for status in statuses):
            self.failed.append(f"{name}: answered, and was to be refused with {sorted(statuses)}")
        return answer


def methods(resource, prefix=""):
    """The names of everything that the client can ask, with its parameters."""
    for name in sorted(dir(type(resource))):
        if name.startswith("_") or name.startswith("with_"):
            continue
        member = inspect.getattr_static(type(resource), name)
        if not inspect.isfunction(member):
            below = getattr(resource, name)
            if isinstance(below, SyncAPIResource):
                yield from methods(below, f"{prefix}{name}.")
        elif isinstance(resource, SyncAPIResource) and "extra_headers" in inspect.signature(member).parameters:
            yield f"{prefix}{name}", set(inspect.signature(member).parameters) - OWN


def memories(call):
    added = call("memory.add", content="Ana prefers window seats.", external_user_id="ana", organization_id="acme", namespace_id="n",
                 type="text", metadata=METADATA, context=CONTEXT, memory_policy=AUTO, link_to=["Task:title", "$previous"],
                 relationships_json=[{"relation_type": "FOLLOWS", "relationship_type": "previous_memory_item_id", "related_item_id": "x",
                                      "related_item_type": "Memory", "metadata": {"a": 1}}],
                 format="omo", skip_background_processing=True)
    call("memory.add", content="Latte.", external_user_id="ana", memory_policy=MANUAL)
    call("memory.add", content="Nested.", external_user_id="ana", policy=NESTED)
    call("memory.add", content="Legacy.", graph_generation=LEGACY)
    call("memory.add", {400}, content="x", user_id="ana@example.org")
    call("memory.add", content="x", webhook_url="https://example.org", webhook_secret="s")
    call("memory.add_batch", memories=[{"content": "One.", "type": "code_snippet"}, {"content": "Two.", "metadata": METADATA}],
         external_user_id="ana", batch_size=10, memory_policy=AUTO, link_to="$context:2", skip_background_processing=True,
         enable_holographic=False, **PLACE)
    call("memory.add_batch", UNBUILT, memories=[{"content": "x"}], enable_holographic=True, frequency_schema_id="f")
    call("memory.add_batch", memories=[{"content": "x"}], graph_generation=LEGACY, policy=NESTED)
    call("memory.add_batch", {400}, memories=[{"content": "x"}], user_id="ana@example.org")
    call("memory.add_batch", memories=[{"content": "x"}], webhook_url="https://example.org", webhook_secret="s")
    memory = added.data[0].memory_id
    place = {"extra_query": {"organization_id": "acme", "external_user_id": "ana"}}
    call("memory.get", memory_id=memory, require_consent=True, exclude_flagged=True, max_risk="sensitive", **place)
    call("memory.retrieve_status", memory_id=memory, **place)
    call("memory.retrieve_batch_status", {404}, batch_id="unknown")
    call("memory.search", query="window seats", external_user_id="ana", max_memories=10, max_nodes=10, response_format="json",
         enable_agentic_graph=True, rank_results=True, metadata={"topics": ["a"], "custom_metadata": {"trip": 7}}, schema_id=None,
         accept_encoding="gzip", reranking_config={"reranking_enabled": False, "reranking_provider": "openai", "reranking_model": "m"},
         search_acl={"read": ["external_user:ana"]}, omo_filter={"min_consent": "terms", "exclude_consent": ["none"], "max_risk": "sensitive",
                                                            "exclude_risk": ["flagged"], "require_consent": True, "exclude_flagged": True},
         **PLACE)
    pattern = {"pattern": {"source_label": "Transaction", "relationship_type": "PURCHASED", "target_label": "Product", "direction": "->"},
               "filters": [{"node_type": "Transaction", "property_name": "amount", "operator": "EQUALS", "value": 5.5}],
               "return_properties": ["amount"]}
    call("memory.search", query="x", external_user_id="ana", search_override=pattern)
    call("memory.search", {400, 422}, query="x", user_id="ana@example.org")
    call("memory.search", UNBUILT, query="x", holographic_config={"enabled": True})
    call("memory.search", UNBUILT, query="x", policy={"vector": {"mode": "off"}})
    call("memory.update", memory_id=memory, content="Ana prefers aisle seats.", type="text", metadata={"location": "Lisbon"}, context=CONTEXT,
         memory_policy=AUTO, link_to="Task:title", relationships_json=[], enable_holographic=False, frequency_schema_id="f",
         extra_body={"external_user_id": "ana"}, **PLACE)
    call("memory.sync_tiers", UNBUILT, embed_limit=1, include_embeddings=False, max_tier0=1, max_tier1=1)
    call("memory.update", {404}, memory_id="unknown", policy=NESTED)
    call("memory.update", {404}, memory_id="unknown", graph_generation=LEGACY)
    call("memory.delete", memory_id=memory, skip_parse=True, **place)
    call("memory.delete_all", external_user_id="ana", skip_parse=True)
    call("memory.delete_all", {404}, external_user_id="ana", namespace_id="n", user_id="local")


def objects(call):
    call("omo.import_memories", memories=[OMO], skip_duplicates=False)
    call("omo.export_memories", memory_ids=["unknown"])
    call("omo.export_memories_as_json", memory_ids="unknown,another")


def schemas(call):
    made = call("schemas.create", **SCHEMA, **SERVER_SET, organization_id="default", namespace_id="n")
    schema = made.data.id
    call("schemas.list", status_filter="active", workspace_id="w")
    call("schemas.retrieve", schema_id=schema)
    call("schemas.update", schema_id=schema, body={"description": "e"})
    call("schemas.delete", schema_id=schema)


def users(call):
    made = call("user.create", external_id="ana", email="ana@example.org", metadata={"name": "Ana"}, type="developerUser")
    call("user.create_batch", users=[{"external_id": "ben", "email": "b@example.org", "metadata": {}, "type": "agent"}])
    call("user.list", page=1, page_size=1, external_id="ana", email="ana@example.org")
    call("user.get", user_id=made.user_id)
    call("user.update", user_id=made.user_id, external_id="ana", email="a@example.org", metadata={"name": "Anna"}, type="user")
    call("user.delete", user_id="ben", is_external=True)


def namespaces(call):
    made = call("namespace.create", name="acme", environment_type="production", is_active=True, rate_limits={"a": 1, "b": None},
                default_policy={"mode": "auto", "consent": "terms", "risk": "none", "acl": ACL, "node_constraints": [NODE]})
    space = made.data.object_id
    call("namespace.list", limit=1, skip=0)
    call("namespace.retrieve", namespace_id=space)
    call("namespace.update", namespace_id=space, name="b", environment_type="staging", is_active=False, rate_limits={}, default_policy={})
    call("namespace.create_api_key", UNBUILT, namespace_id=space, name="k", environment="production", permissions=["read"])
    call("namespace.instance.retrieve", UNBUILT, namespace_id=space)
    call("namespace.instance.update", UNBUILT, namespace_id=space, validate=True, neo4j=NEO4J, provider="gcp", region="us-west1")
    call("namespace.instance.delete", UNBUILT, namespace_id=space)
    call("namespace.delete", namespace_id=space, delete_memories=True, delete_neo4j_nodes=True, remove_acl_references=True)


def conversations(call):
    call("messages.store", content="Where?", role="user", session_id="s", title="t", process_messages=False, metadata=METADATA,
         context=CONTEXT, external_user_id="ana", user_id="local", memory_policy=AUTO, graph_generation=LEGACY,
         relationships_json=[], **PLACE)
    call("messages.store", content="Where?", role="user", session_id="s", policy=NESTED)
    call("messages.sessions.retrieve_history", session_id="s", limit=1, skip=0)
    call("messages.sessions.update", session_id="s", title="t", metadata={"a": 1})
    for name in ("retrieve_status", "process", "compress"):
        call(f"messages.sessions.{name}", session_id="s")
    call("feedback.submit", {404}, search_id="s", feedback_data=FEEDBACK, external_user_id="ana", user_id="local", **PLACE)
    call("feedback.submit_batch", feedback_items=[{"search_id": "s", "feedback_data": FEEDBACK}], session_context={"a": 1})
    call("feedback.get_by_id", {404}, feedback_id="f")


def unbuilt(call):
    upload = {"file": b"x", "external_user_id": "ana", "user_id": "u", "namespace_id": "n", "metadata": "{}", "memory_policy": "{}",
              "policy": "{}", "schema_id": "s", "graph_override": "{}", "property_overrides": "[]", "preferred_provider": "gemini",
              "hierarchical_enabled": True, "enable_holographic": False, "frequency_schema_id": "f", "webhook_url": "u", "webhook_secret": "s"}
    call("document.upload", UNBUILT, **upload)
    call("document.get_status", UNBUILT, upload_id="u", timeline=True)
    call("document.cancel_processing", UNBUILT, upload_id="u")
    call("sync.get_tiers", UNBUILT, max_tier0=1, max_tier1=1, include_embeddings=False, embed_limit=1, embed_model="sbert",
         embedding_format="int8", external_user_id="ana", user_id="u", workspace_id="w", **PLACE)
    call("sync.get_delta", UNBUILT, cursor="c", include_embeddings=True, limit=1, workspace_id="w")
    call("graphql.playground", UNBUILT)
    call("graphql.query", UNBUILT)
    call("telemetry.track_event", UNBUILT, events=[{"event_name": "e", "properties": {"a": 1}, "timestamp": 0, "user_id": "u"}], anonymous_id="a")
    call("graph.rerank", UNBUILT, query="q", documents=["d"], domain_id="d", method="fast", return_debug=True, return_documents=True,
         return_signal_scores=True, routing_config={}, signal_embedder="sbert", signal_filters={"a": 0}, signal_multipliers={"a": 1}, top_k=1)
    call("graph.transform", UNBUILT, text="t", domain_id="d", embedding=[0.0], metadata={"a": 1}, return_concat=True, return_rot_v3=True,
         signal_embedder="sbert")
    domain = {"name": "n", "description": "d", "catalog_config": {"enabled": True}, "routing_config": {}, "signal_multipliers": {"a": 1}}
    call("graph.domains.create", UNBUILT, domain_id="d", signals=SIGNALS, **domain)
    call("graph.domains.update", UNBUILT, domain_id="d", **domain)
    call("graph.domains.retrieve", UNBUILT, domain_id="d")
    call("graph.domains.list", UNBUILT)
    call("graph.domains.delete", UNBUILT, domain_id="d")
    call("organization.instance.retrieve", UNBUILT)
    call("organization.instance.update", UNBUILT, validate=True, neo4j=NEO4J, provider="gcp", region="us-west1")
    call("organization.instance.delete", UNBUILT)
    call("ai.get_usage", UNBUILT)
    call("ai.openai.chat.create_completion", UNBUILT)
    call("ai.openai.create_response", UNBUILT)
    call("ai.anthropic.send_message", UNBUILT)
    call("ai.google.models.generate_content", UNBUILT, model_id="m")
    call("ai.google.models.stream_generate_content", UNBUILT, model_id="m")
    call("login.initiate", ELSEWHERE)
    call("logout.perform", ELSEWHERE)
    call("me.retrieve", ELSEWHERE)
    call("callback.process", ELSEWHERE)
    call("token.create", ELSEWHERE)


if __name__ == "__main__":
    table = Table(sys.argv[1])
    for part in (memories, objects, schemas, users, namespaces, conversations, unbuilt):
        part(table)
    for name, parameters in methods(table.papr):
        missing = parameters - table.sent.get(name, set())
        if name not in table.sent or missing:
            table.failed.append(f"{name}: nobody sends {sorted(missing)}")
    sys.exit("\n".join(table.failed) or 0)
