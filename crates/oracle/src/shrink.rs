//! Makes a pair smaller while the two still disagree about it.

use serde_json::Value as Json;

use crate::compare::compare_pair;
use crate::pair::Pair;

/// A pair about which the two disagree and of which nothing can be left out; and what they disagree about.
#[must_use]
pub fn shrunk(pair: &Pair, builtin: &Json) -> (Pair, Vec<String>) {
    let disagree = |pair: &Pair| compare_pair(pair, builtin).ok().filter(|found| !found.is_empty());
    smallest(pair, &disagree)
}

/// Leaves out one member after another of the policy, the memory and the request, until none can go.
fn smallest(pair: &Pair, disagree: &impl Fn(&Pair) -> Option<Vec<String>>) -> (Pair, Vec<String>) {
    let mut best = pair.clone();
    let mut found = disagree(&best).unwrap_or_default();
    loop {
        let smaller = candidates(&best).find_map(|candidate| Some((disagree(&candidate)?, candidate)));
        let Some((still, candidate)) = smaller else { return (best, found) };
        (found, best) = (still, candidate);
    }
}

/// The pair with one thing less. What does not load any more disagrees about nothing.
fn candidates(pair: &Pair) -> impl Iterator<Item = Pair> {
    let policy = without_one(&pair.policy).into_iter().map(|policy| Pair { policy, ..pair.clone() });
    let memory = without_one(&pair.memory).into_iter().map(|memory| Pair { memory, ..pair.clone() });
    let request = without_one(&pair.request).into_iter().map(|request| Pair { request, ..pair.clone() });
    policy.chain(memory).chain(request)
}

/// The value without one of its members, or of theirs, the larger first; or a block or list by one of its members.
fn without_one(value: &Json) -> Vec<Json> {
    let mut found = Vec::new();
    match value {
        Json::Object(map) => {
            for key in map.keys() {
                let mut less = map.clone();
                less.remove(key);
                found.push(less.into());
            }
            for (key, inner) in map {
                let replaced = without_one(inner).into_iter().map(|smaller| {
                    let mut with = map.clone();
                    with.insert(key.clone(), smaller);
                    Json::from(with)
                });
                found.extend(replaced);
            }
        }
        Json::Array(items) => {
            for at in 0..items.len() {
                let mut less = items.clone();
                less.remove(at);
                found.push(less.into());
            }
            for (at, inner) in items.iter().enumerate() {
                let replaced = without_one(inner).into_iter().map(|smaller| {
                    let mut with = items.clone();
                    with[at] = smaller;
                    Json::from(with)
                });
                found.extend(replaced);
            }
        }
        _ => {}
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_does_not_matter_is_left_out() {
        let pair = Pair {
            policy: json!({"rules": [{"id": "a"}, {"id": "b", "when": {"x": [1, 2], "y": {"not": 3}}}]}),
            memory: json!({"m": {"set": ["a", "b"]}, "n": {"text": "a"}}),
            request: json!({"now": "then"}),
        };
        let matters = |pair: &Pair| {
            let rules = pair.policy["rules"].as_array()?;
            let rule = rules.iter().find(|rule| rule["id"] == "b")?;
            (rule["when"]["x"].as_array()?.contains(&json!(2)) && !pair.memory["m"].is_null())
                .then(|| vec!["b".to_owned()])
        };
        let (smallest, found) = smallest(&pair, &matters);
        let expected = Pair {
            policy: json!({"rules": [{"id": "b", "when": {"x": [2]}}]}),
            memory: json!({"m": {}}),
            request: json!({}),
        };
        assert_eq!((smallest, found), (expected, vec!["b".to_owned()]));
    }
}
