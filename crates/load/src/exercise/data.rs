//! What people tell an assistant about themselves: of every scope, in every shape, and always the same of one seed.

use serde_json::{Map, Value, json};

use crate::chance::Chance;

/// What of people is by chance.
impl Chance {
    /// So many different ones.
    fn some<T: Copy>(&mut self, count: usize, of: &[T]) -> Vec<T> {
        let mut left = of.to_vec();
        (0..count.min(of.len())).map(|_| left.swap_remove(self.below(left.len()))).collect()
    }

    /// An object of so many of these members, each with one of its values.
    fn members(&mut self, count: usize, of: &[(&str, &[&str])]) -> Map<String, Value> {
        let chosen = self.some(count, of);
        chosen.into_iter().map(|(key, values)| (key.to_owned(), json!(self.one(values)))).collect()
    }

    /// An object of so many of these flags.
    fn flags(&mut self, count: usize, of: &[&str]) -> Map<String, Value> {
        let chosen = self.some(count, of);
        chosen.into_iter().map(|key| (key.to_owned(), json!(self.below(2) == 1))).collect()
    }

    /// A clock time, on the half hour.
    fn time(&mut self, hours: std::ops::Range<usize>) -> String {
        let hour = hours.start + self.below(hours.len());
        format!("{hour:02}:{:02}", 30 * self.below(2))
    }
}

/// A scope, the words of a purpose that it serves, and those of one that it does not, by the built-in policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) name: &'static str,
    allowed: &'static [&'static str],
    denied: &'static [&'static str],
}

const PREFERENCES: Scope = Scope {
    name: "preferences",
    allowed: &[
        "recommend a restaurant for tonight",
        "suggest a weekend trip",
        "write a birthday card",
        "create a playlist",
    ],
    denied: &[
        "schedule a call",
        "render the start page",
        "alert them about a delivery",
        "execute the payment",
    ],
};
const CONSTRAINTS: Scope = Scope {
    name: "constraints",
    allowed: &["recommend a dish", "suggest a hotel", "calendar for the offsite", "run the weekly order"],
    denied: &["write a newsletter", "display a banner", "notify about a sale"],
};
const COMMUNICATION: Scope = Scope {
    name: "communication",
    allowed: &["write an email reply", "generate a status report", "notify about a delay", "show the inbox"],
    denied: &["recommend a film", "schedule a meeting", "execute the order"],
};
const ACCESSIBILITY: Scope = Scope {
    name: "accessibility",
    allowed: &[
        "render the settings page",
        "display the article",
        "create an audio version",
        "alert by vibration",
    ],
    denied: &["suggest a bicycle", "calendar of the week", "run the import"],
};
const SCHEDULE: Scope = Scope {
    name: "schedule",
    allowed: &[
        "schedule a dentist appointment",
        "find time for a run",
        "calendar of the team",
        "execute the reminder",
    ],
    denied: &["recommend a gym", "write a story", "show the profile", "notify about news"],
};
const ATTENTION: Scope = Scope {
    name: "attention",
    allowed: &["notify about a message", "alert on call", "show the focus screen", "render a badge"],
    denied: &["suggest a podcast", "write a summary", "schedule a review", "execute the backup"],
};

/// A shape that a value can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    LikesDislikes,
    KvMap,
    RulesList,
    BooleanFlags,
    ScheduleWindows,
    AttentionSettings,
}

/// What the memories of a person are, in turn. The first six have all scopes and all shapes.
const TURNS: [(Scope, Shape); 12] = [
    (PREFERENCES, Shape::LikesDislikes),
    (CONSTRAINTS, Shape::RulesList),
    (COMMUNICATION, Shape::KvMap),
    (ACCESSIBILITY, Shape::BooleanFlags),
    (SCHEDULE, Shape::ScheduleWindows),
    (ATTENTION, Shape::AttentionSettings),
    (PREFERENCES, Shape::KvMap),
    (CONSTRAINTS, Shape::KvMap),
    (COMMUNICATION, Shape::RulesList),
    (ACCESSIBILITY, Shape::KvMap),
    (SCHEDULE, Shape::KvMap),
    (ATTENTION, Shape::BooleanFlags),
];

const LIKES: [&str; 20] = [
    "green tea",
    "jazz",
    "hiking",
    "ramen",
    "寿司",
    "night trains",
    "black coffee",
    "crime novels",
    "bouldering",
    "Züri-Geschnetzeltes",
    "baroque music",
    "window seats",
    "dark chocolate",
    "open-air cinema",
    "crêpes",
    "chess",
    "sea swimming",
    "board games",
    "photography",
    "sourdough bread",
];
const DISLIKES: [&str; 12] = [
    "coriander",
    "early meetings",
    "voice messages",
    "crowds",
    "air conditioning",
    "horror films",
    "olives",
    "small talk",
    "layovers",
    "karaoke",
    "spam 📬",
    "neon light",
];
const TASTES: [(&str, &[&str]); 6] = [
    ("spice_level", &["mild", "medium", "hot"]),
    ("seat", &["aisle", "window"]),
    ("currency", &["CHF", "EUR", "NOK"]),
    ("news_language", &["de", "en", "fr", "日本語"]),
    ("hotel_stars", &["3", "4"]),
    ("units", &["metric", "imperial"]),
];
const RULES: [&str; 12] = [
    "no peanuts",
    "vegetarian only",
    "no flights before eight",
    "nothing with lactose",
    "no purchases over 100 CHF",
    "no red-eye flights",
    "only refundable tickets",
    "halal meat only",
    "never share my address",
    "no stairs",
    "no calls on Sundays",
    "two days' notice for travel",
];
const BOUNDS: [(&str, &[&str]); 5] = [
    ("max_budget", &["50", "80", "120", "400"]),
    ("max_distance_km", &["2", "5", "20"]),
    ("payment", &["card", "invoice"]),
    ("max_stops", &["0", "1"]),
    ("diet", &["vegan", "pescetarian", "kosher"]),
];
const MANNERS: [(&str, &[&str]); 6] = [
    ("tone", &["formal", "friendly", "terse"]),
    ("language", &["de", "en", "nb", "es"]),
    ("channel", &["email", "chat", "sms"]),
    ("pronouns", &["she/her", "he/him", "they/them"]),
    ("name", &["Dr. Møller", "Señora Ruiz", "Ada"]),
    ("length", &["short", "detailed"]),
];
const MANNER_RULES: [&str; 6] = [
    "no emoji",
    "no small talk",
    "first name only",
    "bullet points please",
    "never in capitals",
    "say sources",
];
const AIDS: [&str; 8] = [
    "high_contrast",
    "captions",
    "screen_reader",
    "reduced_motion",
    "large_targets",
    "keyboard_only",
    "mono_audio",
    "dyslexia_font",
];
const AID_SETTINGS: [(&str, &[&str]); 4] = [
    ("font_size", &["large", "larger"]),
    ("colour_filter", &["deuteranopia", "tritanopia", "none"]),
    ("speech_rate", &["0.8", "1.0", "1.5"]),
    ("caption_language", &["en", "fr"]),
];
const CALENDAR: [(&str, &[&str]); 4] = [
    ("timezone", &["Europe/Zurich", "Europe/Oslo", "Asia/Tokyo"]),
    ("week_starts", &["monday", "sunday"]),
    ("meeting_length", &["25", "50"]),
    ("lunch", &["12:00", "12:30"]),
];
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const FOCUS: [&str; 4] = ["deep work", "family", "sleep", "commuting"];
const QUIET: [&str; 5] = ["mute_badges", "batch_alerts", "urgent_only", "summary_at_noon", "vibrate"];
/// Subjects of preferences; most have none.
const DOMAINS: [Option<&str>; 6] = [None, None, None, Some("food"), Some("music"), Some("travel")];

/// Which memories are read together: one person's of one scope and domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) user: String,
    pub(super) scope: Scope,
    pub(super) domain: Option<&'static str>,
    /// How many memories it has.
    pub(super) memories: u32,
    /// A purpose that the built-in policy allows.
    pub(super) allowed: &'static str,
    /// One that it denies.
    pub(super) denied: &'static str,
}

impl Group {
    /// A read of them.
    pub(super) fn reading(&self, purpose: &str) -> Value {
        json!({"user_id": self.user, "scope": self.scope.name, "domain": self.domain, "purpose": purpose})
    }
}

/// Everything that a run stores and reads.
#[derive(Debug)]
pub(super) struct Data {
    /// The bodies of the requests that store it.
    pub(super) memories: Vec<Value>,
    pub(super) groups: Vec<Group>,
}

/// What `users` people, each with `each` memories, are remembered for. Their ids begin with `run`.
pub(super) fn make(run: &str, seed: u64, users: u32, each: u32) -> Data {
    let mut data = Data { memories: Vec::new(), groups: Vec::new() };
    for number in 0..users {
        // A person's memories do not depend on how many other people there are.
        let mut chance = Chance(seed ^ (u64::from(number) << 32));
        let user = format!("{run}-user-{number}");
        let first_group = data.groups.len();
        for turn in 0..each as usize {
            let (scope, shape) = TURNS[turn % TURNS.len()];
            let domain = if scope == PREFERENCES { chance.one(&DOMAINS) } else { None };
            data.memories.push(memory(&mut chance, &user, scope, domain, shape));
            let mut own = data.groups[first_group..].iter_mut();
            match own.find(|group| group.scope == scope && group.domain == domain) {
                Some(group) => group.memories += 1,
                None => {
                    let (allowed, denied) = (chance.one(scope.allowed), chance.one(scope.denied));
                    let user = user.clone();
                    data.groups.push(Group { user, scope, domain, memories: 1, allowed, denied });
                }
            }
        }
    }
    data
}

fn memory(chance: &mut Chance, user: &str, scope: Scope, domain: Option<&str>, shape: Shape) -> Value {
    json!({
        "user_id": user,
        "scope": scope.name,
        "domain": domain,
        "source": chance.one(&["explicit_user_input", "user_setting"]),
        "ttl_days": chance.one(&[1, 7, 30, 90, 365]),
        "value_json": value(chance, scope, shape),
    })
}

fn value(chance: &mut Chance, scope: Scope, shape: Shape) -> Value {
    let few = 1 + chance.below(3);
    match shape {
        Shape::LikesDislikes => {
            json!({"likes": chance.some(few + 1, &LIKES), "dislikes": chance.some(few - 1, &DISLIKES)})
        }
        Shape::RulesList if scope == COMMUNICATION => json!(chance.some(few, &MANNER_RULES)),
        Shape::RulesList => json!(chance.some(few, &RULES)),
        Shape::KvMap => {
            let of: &[(&str, &[&str])] = match scope {
                COMMUNICATION => &MANNERS,
                CONSTRAINTS => &BOUNDS,
                ACCESSIBILITY => &AID_SETTINGS,
                SCHEDULE => &CALENDAR,
                _ => &TASTES,
            };
            Value::Object(chance.members(few, of))
        }
        Shape::BooleanFlags if scope == ATTENTION => Value::Object(chance.flags(few, &QUIET)),
        Shape::BooleanFlags => Value::Object(chance.flags(few, &AIDS)),
        Shape::ScheduleWindows => {
            let days = chance.some(few, &DAYS).into_iter();
            let window = |day| json!({"day": day, "start": chance.time(7..12), "end": chance.time(13..19)});
            let windows: Vec<Value> = days.map(window).collect();
            // Both ways in which windows can be written.
            if chance.below(2) == 0 { json!({ "windows": windows }) } else { json!(windows) }
        }
        Shape::AttentionSettings => {
            json!({"focus_mode": chance.one(&FOCUS), "do_not_disturb": chance.below(2) == 1, "batch_minutes": 15 * few})
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_people() {
        let data = make("run", 1, 1, 12);
        insta::assert_json_snapshot!(data.memories);
        assert_eq!(make("run", 1, 3, 12).memories[..12], data.memories[..]);
        assert_ne!(make("run", 2, 1, 12).memories, data.memories);
    }

    #[test]
    fn six_memories_have_every_scope_and_every_shape() {
        let scopes: BTreeSet<_> = TURNS[..6].iter().map(|(scope, _)| scope.name).collect();
        let shapes: BTreeSet<_> = TURNS[..6].iter().map(|(_, shape)| format!("{shape:?}")).collect();
        assert_eq!((scopes.len(), shapes.len()), (6, 6));
    }

    #[test]
    fn every_memory_is_in_one_group() {
        let data = make("run", 7, 20, 30);
        let in_groups: u32 = data.groups.iter().map(|group| group.memories).sum();
        assert_eq!(in_groups as usize, data.memories.len());
        assert_eq!(data.memories.len(), 600);
        let keys: BTreeSet<_> = data.groups.iter().map(|g| (&g.user, g.scope.name, g.domain)).collect();
        assert_eq!(keys.len(), data.groups.len());
        assert!(keys.iter().any(|(_, _, domain)| domain.is_some()));
    }
}
