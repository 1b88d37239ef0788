//! Random clients against what must always be true.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::stage::Stage;
use crate::hub::{
    Limits,
    limits::{Rate, Waiting},
};

const ROOMS: [&str; 3] = ["blue", "red", "green"];
const SLOTS: usize = 4;
/// Packets that wait for a member that is away.
const WAITING: usize = 5;

/// What a client does, or what befalls it. One that is not connected connects first.
#[derive(Clone, Debug)]
enum Act {
    Join {
        room: usize,
        comes_back: bool,
    },
    /// With the secret of its last stay; with `forgets`, it says what it has seen, and that many it has not.
    Resume {
        forgets: Option<usize>,
    },
    Leave {
        room: usize,
    },
    Message {
        room: usize,
        to: Option<usize>,
    },
    Nonsense,
    Lose,
    Close,
    Overflow,
    Pass {
        millis: u64,
    },
}

fn act() -> impl Strategy<Value = Act> {
    // Most of the time in the first room: so things happen there.
    let room = || prop_oneof![5 => Just(0), 1 => 1..ROOMS.len()];
    prop_oneof![
        4 => (room(), any::<bool>()).prop_map(|(room, comes_back)| Act::Join { room, comes_back }),
        3 => proptest::option::of(0..4_usize).prop_map(|forgets| Act::Resume { forgets }),
        1 => room().prop_map(|room| Act::Leave { room }),
        8 => (room(), proptest::option::weighted(0.3, 0..SLOTS))
            .prop_map(|(room, to)| Act::Message { room, to }),
        1 => Just(Act::Nonsense),
        3 => Just(Act::Lose),
        1 => Just(Act::Close),
        1 => Just(Act::Overflow),
        3 => (0..8000_u64).prop_map(|millis| Act::Pass { millis }),
    ]
}

/// A member, as its client and an onlooker see it.
#[derive(Debug)]
struct Place {
    room: String,
    secret: String,
    socket: Option<String>,
    comes_back: bool,
    until: Instant,
    /// What it is to hear, and how much of that was so when its connection was lost.
    expected: Vec<String>,
    before_loss: usize,
    heard: Vec<String>,
    number: u64,
    /// More was on its way than is kept: only the numbers can be checked.
    blind: bool,
}

#[derive(Default)]
struct Slot {
    socket: Option<String>,
    /// Room and secret of the last stay.
    stay: Option<(String, String)>,
    id: String,
}

struct World {
    stage: Stage,
    capacity: usize,
    grace: Duration,
    slots: [Slot; SLOTS],
    places: BTreeMap<String, Place>,
    said: usize,
    connections: usize,
}

/// What follows from an act.
#[derive(Default)]
struct Effect {
    answer: Value,
    speaker: Option<String>,
    leaves: BTreeSet<String>,
    /// Whom a message was for, and the message.
    message: Option<(BTreeSet<String>, String)>,
}

impl World {
    fn new(capacity: usize) -> Self {
        let limits = Limits {
            capacity,
            strikes: Rate {
                burst: 4.0,
                per_second: 0.5,
            },
            waiting: Waiting {
                packets: WAITING,
                bytes: usize::MAX,
            },
            idle: Duration::from_secs(30),
            refresh: Some(Duration::from_secs(7)),
            ..Limits::default()
        };
        Self {
            capacity,
            grace: limits.grace,
            stage: Stage::new(limits),
            slots: Default::default(),
            places: BTreeMap::new(),
            said: 0,
            connections: 0,
        }
    }

    fn place_of(&self, socket: &str) -> Option<&String> {
        let mut places = self.places.iter();
        let found = places.find(|(_, place)| place.socket.as_deref() == Some(socket));
        found.map(|(id, _)| id)
    }

    fn act(&mut self, slot: usize, act: &Act) {
        let socket = match &self.slots[slot].socket {
            Some(socket) => socket.clone(),
            None => {
                self.connections += 1;
                let socket = format!("s{slot}.{}", self.connections);
                self.stage.connect(&socket);
                self.slots[slot].socket = Some(socket.clone());
                socket
            }
        };
        let mut effect = Effect::default();
        match act {
            Act::Join { room, comes_back } => {
                self.join(&socket, ROOMS[*room], *comes_back, &mut effect);
            }
            Act::Resume { forgets } => self.resume(slot, &socket, *forgets, &mut effect),
            Act::Leave { room } => {
                effect.answer = self.stage.say(&socket, json!(["leave", ROOMS[*room]]));
                let own = self.place_of(&socket).cloned();
                effect
                    .leaves
                    .extend(own.filter(|_| effect.answer[0] == "leaved"));
            }
            Act::Message { room, to } => {
                let to = to.map(|to| self.slots[to].id.clone());
                self.message(&socket, ROOMS[*room], to, &mut effect);
            }
            Act::Nonsense => effect.answer = self.stage.say(&socket, json!(["dance"])),
            Act::Lose => {
                self.stage.lose(&socket);
                self.slots[slot].socket = None;
                if let Some(id) = self.place_of(&socket).cloned() {
                    let place = self.places.get_mut(&id).unwrap();
                    place.socket = None;
                    place.until = self.stage.now + self.grace;
                    place.before_loss = place.expected.len();
                    if !place.comes_back {
                        effect.leaves.insert(id);
                    }
                }
            }
            Act::Close => {
                self.stage.close(&socket);
                self.slots[slot].socket = None;
                effect.leaves.extend(self.place_of(&socket).cloned());
            }
            Act::Overflow => self.stage.overflow(&socket),
            Act::Pass { millis } => self.stage.pass(Duration::from_millis(*millis)),
        }
        effect.speaker = Some(socket);
        self.settle(effect);
    }

    fn join(&mut self, socket: &str, room: &str, comes_back: bool, effect: &mut Effect) {
        let members = self.places.values().filter(|place| place.room == room);
        let expected = match self.place_of(socket) {
            Some(id) if self.places[id].room == room => "joined",
            Some(_) => "sig_error",
            None if members.count() >= self.capacity => "full",
            None => "joined",
        };
        let command = json!(["join", room, {"resume": comes_back}]);
        effect.answer = self.stage.say(socket, command);
        assert_eq!(effect.answer[0], expected);
        if expected == "joined" && self.place_of(socket).is_none() {
            let answer = &effect.answer;
            let id = answer[2].as_str().unwrap().to_owned();
            let place = Place {
                room: room.to_owned(),
                secret: answer[3]["resume"].as_str().unwrap().to_owned(),
                socket: Some(socket.to_owned()),
                comes_back,
                until: self.stage.now,
                expected: Vec::new(),
                before_loss: 0,
                heard: Vec::new(),
                number: 0,
                blind: false,
            };
            let slot = self.slots.iter_mut();
            let mut slot = slot.filter(|slot| slot.socket.as_deref() == Some(socket));
            let slot = slot.next().unwrap();
            slot.stay = Some((room.to_owned(), place.secret.clone()));
            slot.id.clone_from(&id);
            let others = self.places.values_mut().filter(|other| other.room == room);
            others.for_each(|other| other.expected.push(format!("other_joined {id}")));
            self.places.insert(id, place);
        }
    }

    /// A second connection of the same client, whether or not the first is still there.
    fn resume(&mut self, slot: usize, old: &str, forgets: Option<usize>, effect: &mut Effect) {
        let Some((room, secret)) = self.slots[slot].stay.clone() else {
            return;
        };
        let place = self
            .places
            .values_mut()
            .find(|place| place.secret == secret);
        let Some(place) = place else {
            // Too late: a newcomer like any other.
            return self.join(old, &room, true, effect);
        };
        let socket = if place.socket.as_deref() == Some(old) {
            self.connections += 1;
            let socket = format!("s{slot}.{}", self.connections);
            self.stage.connect(&socket);
            socket
        } else {
            old.to_owned()
        };
        if self
            .places
            .values()
            .any(|place| place.socket.as_ref() == Some(&socket))
        {
            // It is in another room meanwhile.
            return;
        }
        let places = self.places.values_mut();
        let place = places
            .into_iter()
            .find(|place| place.secret == secret)
            .unwrap();
        let mut options = json!({"resume": secret});
        if let Some(forgets) = forgets {
            let forgets = forgets.min(usize::try_from(place.number).unwrap());
            place.heard.truncate(place.heard.len() - forgets);
            place.number -= forgets as u64;
            options["seen"] = json!(place.number);
            let gap = (place.expected.len() - place.heard.len()).saturating_sub(WAITING);
            let lost = &place.expected[place.heard.len()..][..gap];
            place.heard.extend_from_slice(lost);
            place.number += gap as u64;
            place.blind |= gap > 0;
        }
        place.socket = Some(socket.clone());
        place.comes_back = true;
        self.slots[slot].socket = Some(socket.clone());
        effect.answer = self.stage.say(&socket, json!(["join", room, options]));
        assert_eq!(effect.answer[3]["resumed"], true);
        if socket != old {
            assert_eq!(self.stage.heard(old), json!([["CUT", "replaced"]]));
        }
        // The answer to `resume` is heard by the new connection.
        let heard = self.stage.heard(&socket);
        self.hear(&socket, &heard, &effect.answer);
        effect.answer = Value::Null;
    }

    fn message(&mut self, socket: &str, room: &str, to: Option<String>, effect: &mut Effect) {
        self.said += 1;
        let mut command = json!(["message", room, {"type": "n", "n": self.said}]);
        if let Some(to) = &to {
            command.as_array_mut().unwrap().push(json!({"to": to}));
        }
        effect.answer = self.stage.say(socket, command);
        let Some(id) = self
            .place_of(socket)
            .filter(|id| self.places[*id].room == room)
        else {
            assert_eq!(effect.answer[1]["code"], "not_in_room");
            return;
        };
        let others = self.places.iter().filter(|(other, place)| {
            place.room == room && *other != id && to.as_ref().is_none_or(|to| to == *other)
        });
        let others = others.map(|(id, _)| id.clone()).collect();
        effect.message = Some((others, format!("message {id} {}", self.said)));
    }

    /// What `socket` heard, against what is to be heard in its place; and its answer, once.
    fn hear(&mut self, socket: &str, heard: &Value, answer: &Value) {
        let id = self.place_of(socket).cloned();
        let mut answers = 0;
        for event in heard.as_array().unwrap() {
            let word = event[0].as_str().unwrap();
            let text = match word {
                "other_joined" | "bye" => format!("{word} {}", event[2].as_str().unwrap()),
                "message" => {
                    let from = event[3]["from"].as_str().unwrap();
                    format!("message {from} {}", event[2]["n"])
                }
                "turn_refresh" => {
                    assert!(id.is_some(), "{event} to who is in no room");
                    continue;
                }
                "CUT" => continue,
                _ => {
                    assert_eq!(event, answer, "an answer to nothing");
                    answers += 1;
                    continue;
                }
            };
            let place = id.as_ref().and_then(|id| self.places.get_mut(id));
            let place = place.unwrap_or_else(|| panic!("{socket} is in no room: {event}"));
            assert_eq!(event[1], place.room.as_str(), "of another room");
            if place.comes_back {
                place.number += 1;
                assert_eq!(event[3]["number"], place.number, "{event}");
            } else {
                assert_eq!(event[3]["number"], Value::Null, "{event}");
            }
            place.heard.push(text);
        }
        let expected = usize::from(!answer.is_null() && answer[0] != "sent");
        assert_eq!(answers, expected, "answers: {heard}");
    }

    /// Compares the hub with what is to be true after an act.
    fn settle(&mut self, mut effect: Effect) {
        let mut heard = BTreeMap::new();
        for slot in &mut self.slots {
            let Some(socket) = slot.socket.clone() else {
                continue;
            };
            let events = self.stage.heard(&socket);
            let last = events.as_array().and_then(|events| events.last());
            if last.is_some_and(|last| last[0] == "CUT") {
                slot.socket = None;
                let mut places = self.places.iter();
                let own = places.find(|(_, place)| place.socket.as_ref() == Some(&socket));
                effect.leaves.extend(own.map(|(id, _)| id.clone()));
            }
            heard.insert(socket, events);
        }
        let gone = self.gone(&effect);
        let speaker = effect.speaker.take();
        for (socket, events) in heard {
            let own = speaker.as_ref() == Some(&socket);
            let answer = if own { &effect.answer } else { &Value::Null };
            self.hear(&socket, &events, answer);
        }
        self.check_places();
        if let Some((receivers, _)) = &effect.message {
            let receivers = receivers.difference(&gone).count();
            let sent = (effect.answer[0] == "sent").then(|| effect.answer[2].clone());
            assert_eq!(sent.unwrap_or(json!(0)), receivers, "{}", effect.answer);
        }
    }

    /// Removes those who are gone, and has the others expect to hear of it.
    fn gone(&mut self, effect: &Effect) -> BTreeSet<String> {
        let mut present = BTreeSet::new();
        for (name, room) in &self.stage.hub.rooms {
            assert!((1..=self.capacity).contains(&room.len()), "{name}");
            present.extend(room.ids().map(|id| id.to_string()));
        }
        let members = self.places.keys().cloned().collect::<BTreeSet<_>>();
        let gone = members
            .difference(&present)
            .cloned()
            .collect::<BTreeSet<_>>();
        assert!(present.is_subset(&members), "strangers: {present:?}");
        assert!(effect.leaves.is_subset(&gone), "{:?} stayed", effect.leaves);
        let rooms = members.iter().map(|id| self.places[id].room.clone());
        let rooms = members
            .iter()
            .cloned()
            .zip(rooms)
            .collect::<BTreeMap<_, _>>();
        for (id, place) in &mut self.places {
            let byes = gone
                .iter()
                .filter(|other| *other != id && rooms[*other] == place.room);
            place
                .expected
                .extend(byes.map(|other| format!("bye {other}")));
            if let Some((receivers, text)) = &effect.message
                && receivers.contains(id)
            {
                place.expected.push(text.clone());
            }
            if place.socket.is_some() || effect.leaves.contains(id) {
                let why = "connected, and gone without a reason";
                assert!(
                    effect.leaves.contains(id) || !gone.contains(id),
                    "{id}: {why}"
                );
                continue;
            }
            let late = place.until <= self.stage.now;
            let too_much = place.expected.len() - place.before_loss > WAITING;
            if gone.contains(id) {
                assert!(late || too_much, "{id} is gone too soon");
            } else {
                assert!(!late && !too_much, "{id} should be gone");
            }
        }
        self.places.retain(|id, _| !gone.contains(id));
        gone
    }

    fn check_places(&self) {
        for (id, place) in self
            .places
            .iter()
            .filter(|(_, place)| place.socket.is_some())
        {
            assert_eq!(place.heard.len(), place.expected.len(), "{id}: {place:?}");
            let sorted = |texts: &[String]| {
                let mut texts = texts.to_vec();
                texts.sort();
                texts
            };
            if !place.blind {
                assert_eq!(sorted(&place.heard), sorted(&place.expected), "{id}");
            }
            // The messages of all senders are numbered in the order in which they were said.
            let messages = place
                .heard
                .iter()
                .filter(|text| text.starts_with("message"));
            let numbers = messages.map(|text| text.rsplit(' ').next().unwrap().parse::<usize>());
            let numbers = numbers.map(Result::unwrap).collect::<Vec<_>>();
            assert!(numbers.is_sorted_by(|a, b| a < b), "{id}: {numbers:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn always_true(
        capacity in prop_oneof![Just(2_usize), Just(3), Just(4)],
        acts in prop::collection::vec((0..SLOTS, act()), 1..80),
    ) {
        let mut world = World::new(capacity);
        for (slot, act) in &acts {
            world.act(*slot, act);
        }
        world.stage.finish();
    }
}
