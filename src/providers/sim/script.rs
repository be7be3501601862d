//! A scenario as a timetable: rendered bytes, and when each part of them is due. Pure: it knows offsets from the request,
//! not the time; keeping the timetable is `playback`.

use super::scenario::{Scenario, Twist};
use super::voice::{Closing, Finish, Piece, Timing, Voice};
use super::words;
use crate::providers::protocols::Channel;
use std::time::Duration;

/// Parts rendered at a time: a usual answer is one block, an endless one never fills the memory.
const BLOCK_PARTS: usize = 1024;
/// Bytes after which a block ends.
const BLOCK_BYTES: usize = 1 << 20;
/// The size of the long line.
const LONG_LINE: usize = 10_000_000;
/// Between the halves of a character that is cut in two.
const HALF_CHARACTER: u64 = 2_000_000;

/// How many tokens of which kind, and why no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Reasoning tokens.
    pub reasoning: u64,
    /// Visible tokens; `u64::MAX` never ends.
    pub visible: u64,
    /// Why it ends.
    pub finish: Finish,
}

impl Plan {
    /// What a scenario makes of a budget. A budget that is just used up counts as the reason to stop.
    pub fn new(scenario: &Scenario, budget: Option<u32>) -> Self {
        let (reasoning, visible) = (u64::from(scenario.reasoning), u64::from(scenario.tokens));
        let limit = budget.map_or(u64::MAX, u64::from);
        match scenario.twist {
            Twist::Endless => Self { reasoning, visible: u64::MAX, finish: Finish::Stop },
            Twist::Budget => {
                let all = budget.map_or(visible, u64::from);
                Self { reasoning: all, visible: 0, finish: Finish::Length }
            }
            _ => {
                let finish = if limit <= reasoning + visible { Finish::Length } else { Finish::Stop };
                let reasoning = reasoning.min(limit);
                Self { reasoning, visible: visible.min(limit - reasoning), finish }
            }
        }
    }
}

/// Something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Send a part of the block.
    Send(Part),
    /// Send the closing events, once everything before has left.
    Close {
        /// Nanoseconds since the request.
        due: u64,
    },
    /// Break off, once everything before has left.
    Break {
        /// Nanoseconds since the request.
        due: u64,
        /// How.
        how: Break,
    },
}

/// Bytes that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Nanoseconds since the request.
    pub due: u64,
    /// Where it ends in the block; it starts where the part before ended.
    pub end: usize,
    /// Reasoning tokens in it.
    pub reasoning: u64,
    /// Visible tokens in it.
    pub visible: u64,
    /// Whether it needs a write of its own.
    pub alone: bool,
}

/// How to break off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// Close the connection.
    Cut,
    /// Reset it.
    Reset,
    /// Keep it open and say nothing.
    Stall,
}

/// Rendered bytes and what to do with them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// All bytes of the block's parts.
    pub bytes: Vec<u8>,
    /// In order; due moments never go back.
    pub acts: Vec<Act>,
}

#[derive(PartialEq, Eq)]
enum Stage {
    Opening,
    Tokens,
    Ended,
}

/// The timetable of one answer, rendered block by block.
pub struct Script {
    scenario: Scenario,
    voice: Box<dyn Voice>,
    plan: Plan,
    stage: Stage,
    /// Tokens that are rendered or passed over.
    reasoning: u64,
    visible: u64,
    twisted: bool,
    last_due: u64,
    random: u64,
    text: Vec<u8>,
}

impl Script {
    /// A timetable for one answer.
    pub fn new(scenario: Scenario, plan: Plan, voice: Box<dyn Voice>) -> Self {
        Self {
            scenario,
            voice,
            plan,
            stage: Stage::Opening,
            reasoning: 0,
            visible: 0,
            twisted: false,
            last_due: 0,
            random: 0x9e37_79b9_7f4a_7c15,
            text: Vec::new(),
        }
    }

    /// The next block; `None` after the last.
    pub fn next_block(&mut self) -> Option<Block> {
        let mut block = Block::default();
        if self.stage == Stage::Opening {
            self.open(&mut block);
            self.stage = Stage::Tokens;
        }
        while self.stage == Stage::Tokens && block.acts.len() < BLOCK_PARTS && block.bytes.len() < BLOCK_BYTES
        {
            self.step(&mut block);
        }
        (!block.acts.is_empty()).then_some(block)
    }

    /// The closing events, with the server's own times.
    pub fn closing(&mut self, timing: Timing) -> Vec<u8> {
        let closing = Closing {
            finish: self.plan.finish,
            visible: self.visible,
            reasoning: self.reasoning,
            usage: self.scenario.twist != Twist::NoUsage,
            timing,
        };
        let mut out = Vec::new();
        self.voice.closing(&mut out, &closing);
        out
    }

    fn open(&mut self, block: &mut Block) {
        let ttft = nanos(self.scenario.ttft);
        if self.scenario.twist == Twist::Bom && self.voice.is_text() {
            block.bytes.extend_from_slice("\u{feff}".as_bytes());
        }
        self.voice.opening(&mut block.bytes);
        if self.scenario.twist == Twist::EmptyChoices {
            self.voice.empty(&mut block.bytes);
        }
        if self.scenario.twist == Twist::FirstRoleLate {
            return self.send(block, ttft, 0, 0);
        }
        self.send(block, 0, 0, 0);
        for quarter in 1..4 {
            self.voice.keep_alive(&mut block.bytes);
            self.send(block, ttft * quarter / 4, 0, 0);
        }
    }

    /// One event, or the end.
    fn step(&mut self, block: &mut Block) {
        let due = self.next_due();
        let after = self.scenario.after.map_or(self.plan.visible / 2, u64::from);
        let thinking = self.reasoning < self.plan.reasoning;
        let over = !thinking && self.visible >= self.plan.visible;
        if !self.twisted && !thinking && (over || self.visible >= after) {
            self.twisted = true;
            self.twist(block, due);
        } else if over {
            self.stage = Stage::Ended;
            if self.scenario.twist != Twist::NoFinish {
                block.acts.push(Act::Close { due: self.last_due });
            }
        } else if thinking {
            self.piece(block, due, Channel::Reasoning);
        } else {
            self.piece(block, due, Channel::Visible);
        }
    }

    /// When the next token is due: always counted from the request, so that nothing adds up.
    fn next_due(&mut self) -> u64 {
        let (start, index) = if self.reasoning < self.plan.reasoning {
            (0, self.reasoning)
        } else {
            (self.plan.reasoning, self.visible)
        };
        let together = u64::from(self.scenario.tokens_per_event) * u64::from(self.scenario.burst);
        let token = start + index / together * together;
        let planned =
            nanos(self.scenario.ttft).saturating_add(token.saturating_mul(nanos(self.scenario.gap)));
        let late = if token == 0 { 0 } else { self.next_random() % (nanos(self.scenario.jitter) + 1) };
        planned.saturating_add(late)
    }

    /// Marsaglia's xorshift: the same jitter for the same name.
    fn next_random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    fn piece(&mut self, block: &mut Block, due: u64, channel: Channel) {
        let (done, total) = match channel {
            Channel::Reasoning => (&mut self.reasoning, self.plan.reasoning),
            Channel::Visible => (&mut self.visible, self.plan.visible),
        };
        let (from, count) = (*done, u64::from(self.scenario.tokens_per_event).min(total - *done));
        *done += count;
        if channel == Channel::Reasoning && !self.voice.shows_reasoning() {
            self.last_due = self.last_due.max(due);
            return;
        }
        self.text.clear();
        words::write(&mut self.text, channel, self.scenario.twist, from, count);
        self.say(block, due, channel, count);
    }

    /// Renders what is in `text`.
    fn say(&mut self, block: &mut Block, due: u64, channel: Channel, count: u64) {
        let before = block.bytes.len();
        let piece = Piece { channel, text: &self.text, visible: self.visible, reasoning: self.reasoning };
        self.voice.piece(&mut block.bytes, piece);
        let (reasoning, visible) = if channel == Channel::Reasoning { (count, 0) } else { (0, count) };
        let middle = block.bytes[before..].iter().position(|byte| *byte >= 0xc0);
        match middle.filter(|_| self.scenario.twist == Twist::SplitUtf8) {
            Some(middle) => self.send_in_two(block, due, before + middle + 1, visible),
            None => self.send(block, due, reasoning, visible),
        }
    }

    fn send(&mut self, block: &mut Block, due: u64, reasoning: u64, visible: u64) {
        let sent = block.acts.iter().rev().find_map(|act| match act {
            Act::Send(part) => Some(part.end),
            _ => None,
        });
        let end = block.bytes.len();
        if end == sent.unwrap_or_default() {
            return;
        }
        self.last_due = self.last_due.max(due);
        let part = Part { due: self.last_due, end, reasoning, visible, alone: false };
        block.acts.push(Act::Send(part));
    }

    fn send_in_two(&mut self, block: &mut Block, due: u64, middle: usize, visible: u64) {
        let due = self.last_due.max(due);
        self.last_due = due + HALF_CHARACTER;
        let half = |due, end, visible| Act::Send(Part { due, end, reasoning: 0, visible, alone: true });
        block.acts.push(half(due, middle, 0));
        block.acts.push(half(self.last_due, block.bytes.len(), visible));
    }

    /// What happens in the middle, if this scenario has something for the middle.
    fn twist(&mut self, block: &mut Block, due: u64) {
        let due = self.last_due.max(due);
        match self.scenario.twist {
            Twist::ErrorInStream => {
                self.voice.error(&mut block.bytes);
                self.send(block, due, 0, 0);
                self.stage = Stage::Ended;
            }
            Twist::Cut => self.break_off(block, due, Break::Cut),
            Twist::Reset => self.break_off(block, due, Break::Reset),
            Twist::Stall => self.break_off(block, due, Break::Stall),
            Twist::Malformed => self.odd_event(block, due, |voice, out| voice.malformed(out)),
            Twist::EmptyChoices => self.odd_event(block, due, |voice, out| voice.empty(out)),
            Twist::LongLine => self.odd_token(block, due, &b" long".repeat(LONG_LINE / 5)),
            Twist::BadUtf8 => self.odd_token(block, due, b" \xff\xfe\xc3("),
            _ => {}
        }
    }

    fn break_off(&mut self, block: &mut Block, due: u64, how: Break) {
        block.acts.push(Act::Break { due, how });
        self.stage = Stage::Ended;
    }

    fn odd_event(&mut self, block: &mut Block, due: u64, render: fn(&mut dyn Voice, &mut Vec<u8>)) {
        render(self.voice.as_mut(), &mut block.bytes);
        self.send(block, due, 0, 0);
    }

    /// The next visible token with another text.
    fn odd_token(&mut self, block: &mut Block, due: u64, text: &[u8]) {
        if self.visible < self.plan.visible {
            self.visible += 1;
            self.text = text.to_vec();
            self.say(block, due, Channel::Visible, 1);
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
