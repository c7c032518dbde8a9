//! Where a search goes on.

use memoryscope_domain::place::Place;
use memoryscope_engine::context::Context;
use memoryscope_engine::op::items::SearchItems;
use memoryscope_engine::op::query::Answer;
use serde_json::json;

use super::{Items, error};
use crate::cursor::{Binding, Cursor, not_ours};
use crate::meta::RequestMeta;
use crate::problem::Problem;

/// What a search's cursors are good for: who asks, where, what for, and for what.
pub(super) fn binding(cx: &Context, op: &SearchItems) -> Binding {
    let (principal, scope) = (&cx.principal, &op.scope);
    let words = op.search.as_ref().map(|search| search.text.terms());
    let moved = op.search.as_ref().filter(|search| search.walks || !search.boost.is_none());
    let query = match moved {
        None => json!([words, op.filter]).to_string(),
        Some(search) => json!([words, op.filter, search.walks, search.boost]).to_string(),
    };
    Binding::of(&[
        Some(principal.tenant.as_str()),
        Some(&principal.client),
        principal.user.as_ref().map(|user| user.as_str()),
        Some(scope.scope_type.name()),
        Some(&scope.id),
        Some(&scope.namespace),
        Some(op.purpose.name()),
        Some(&query),
    ])
}

/// The same search, behind where a cursor stands.
pub(super) async fn behind(
    cursor: Option<&str>,
    (items, meta): (&Items, &RequestMeta),
    cx: &Context,
    op: SearchItems,
) -> Result<SearchItems, Problem> {
    let Some(cursor) = cursor else { return Ok(op) };
    let mark = Cursor::parse(cursor).map_err(|_| not_ours("body"))?.of(binding(cx, &op), "body")?;
    if let Some(search) = op.search {
        let search = search.behind(Some(mark.ranked("body")?));
        return Ok(SearchItems { search: Some(search), ..op });
    }
    let refused = |refusal| error::problem(refusal, meta);
    let after: Place = mark.place("body", (&items.engine, cx), refused).await?;
    Ok(SearchItems { after: Some(after), ..op })
}

/// The cursor behind an answer, if there may be more.
pub(super) fn next(found: &Answer, binding: Binding) -> Option<String> {
    let score = found.items.last().and_then(|item| item.score);
    found.next.map(|next| Cursor::new(next, binding).scored(score).text())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use memoryscope_domain::ids::UserId;
    use memoryscope_domain::purpose::Purpose;
    use memoryscope_domain::scope::Scope;
    use memoryscope_engine::fakes;
    use memoryscope_engine::memory_store::MemoryStore;
    use memoryscope_engine::op::items::ItemFilter;

    use super::*;

    #[test]
    fn a_cursor_is_good_for_one_search_of_one_caller() {
        let user = |name: &str| UserId::parse(name).expect("a user");
        let op = |scope: Scope, purpose| SearchItems {
            scope,
            purpose,
            search: None,
            after: None,
            filter: ItemFilter::default(),
            limit: 5,
            max_tokens: None,
        };
        let (engine, _) = fakes::engine(Arc::new(MemoryStore::new()));
        let cx = fakes::context(&engine, Some("ana"));
        let ana = op(Scope::of_user(&user("ana")), Purpose::ChatResponse);
        let this = binding(&cx, &ana);
        let fewer = SearchItems { limit: 1, max_tokens: Some(9), ..ana.clone() };
        assert_eq!(binding(&cx, &fewer), this, "a page may have another size");
        let namespaced = Scope { namespace: "n".to_owned(), ..ana.scope.clone() };
        let mut filtered = ana.clone();
        filtered.filter.omo.exclude_flagged = true;
        let others = [
            op(Scope::of_user(&user("ben")), Purpose::ChatResponse),
            op(namespaced, Purpose::ChatResponse),
            op(ana.scope.clone(), Purpose::Recommendation),
            filtered,
        ];
        for other in &others {
            assert_ne!(binding(&cx, other), this, "{other:?}");
        }
        let mut somebody = cx;
        somebody.principal.user = Some(user("ben"));
        assert_ne!(binding(&somebody, &ana), this);
    }
}
