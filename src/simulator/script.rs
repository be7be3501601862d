//! A scenario as a timetable: rendered bytes, and when each part of them is due. Pure: it knows offsets from the
//! request, not the time; `playback` keeps the timetable.

use super::response_writer::{Closing, Finish, ResponseWriter, SimTextPiece, Timing};
use super::sample_text;
use super::scenario::{Scenario, SimFault};
use crate::providers::protocols::Channel;
use std::time::Duration;

/// Parts rendered at a time: a usual answer is one block, and an endless one never fills the memory.
const BLOCK_PARTS: usize = 1024;
/// Bytes after which a block ends.
const BLOCK_BYTES: usize = 1 << 20;
/// The size of the long line, in bytes.
const LONG_LINE: usize = 10_000_000;
/// Nanoseconds between the halves of a character that is cut in two.
const HALF_CHARACTER: u64 = 2_000_000;

/// The number of tokens of each kind, and the reason why they end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SimTokenPlan {
    pub reasoning: u64,
    /// Visible tokens; `u64::MAX` never ends.
    pub visible: u64,
    pub finish: Finish,
}

impl SimTokenPlan {
    /// Fits a scenario to a budget. A budget that is just used up counts as the reason to stop.
    pub fn new(scenario: &Scenario, budget: Option<u32>) -> Self {
        let (reasoning, visible) = (u64::from(scenario.reasoning), u64::from(scenario.tokens));
        let limit = budget.map_or(u64::MAX, u64::from);
        match scenario.fault {
            SimFault::Endless => Self { reasoning, visible: u64::MAX, finish: Finish::Stop },
            SimFault::Budget => {
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptAction {
    /// Send a part of the block.
    Send(SimSegment),
    /// Send the closing events, once everything before has left.
    Close {
        /// Nanoseconds since the request.
        due: u64,
    },
    /// Break off, once everything before has left.
    Break {
        /// Nanoseconds since the request.
        due: u64,
        how: StreamBreak,
    },
}

/// Bytes that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SimSegment {
    /// Nanoseconds since the request.
    pub due: u64,
    /// End offset in the block; the start is the previous segment's end.
    pub end: usize,
    /// Reasoning tokens in it.
    pub reasoning: u64,
    /// Visible tokens in it.
    pub visible: u64,
    /// True if it needs a write of its own.
    pub alone: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamBreak {
    /// Close the connection.
    Cut,
    /// Reset the connection.
    Reset,
    /// Keep the connection open and send nothing.
    Stall,
}

/// Rendered bytes and their actions.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RenderedBlock {
    /// All bytes of the block's parts.
    pub bytes: Vec<u8>,
    /// In order; due moments never go back.
    pub acts: Vec<ScriptAction>,
}

#[derive(PartialEq, Eq)]
enum ScriptStage {
    Opening,
    Tokens,
    Ended,
}

/// The timetable of one answer, rendered block by block.
pub struct Script {
    scenario: Scenario,
    writer: Box<dyn ResponseWriter>,
    plan: SimTokenPlan,
    stage: ScriptStage,
    /// Tokens that are rendered or passed over.
    reasoning: u64,
    visible: u64,
    twisted: bool,
    last_due: u64,
    random: u64,
    text: Vec<u8>,
}

impl Script {
    pub fn new(scenario: Scenario, plan: SimTokenPlan, writer: Box<dyn ResponseWriter>) -> Self {
        Self {
            scenario,
            writer,
            plan,
            stage: ScriptStage::Opening,
            reasoning: 0,
            visible: 0,
            twisted: false,
            last_due: 0,
            random: 0x9e37_79b9_7f4a_7c15,
            text: Vec::new(),
        }
    }

    /// The next block; `None` after the last.
    pub fn next_block(&mut self) -> Option<RenderedBlock> {
        let mut block = RenderedBlock::default();
        if self.stage == ScriptStage::Opening {
            self.open(&mut block);
            self.stage = ScriptStage::Tokens;
        }
        while self.stage == ScriptStage::Tokens
            && block.acts.len() < BLOCK_PARTS
            && block.bytes.len() < BLOCK_BYTES
        {
            self.step(&mut block);
        }
        (!block.acts.is_empty()).then_some(block)
    }

    /// Renders the closing events, with the server's own times.
    pub fn closing(&mut self, timing: Timing) -> Vec<u8> {
        let closing = Closing {
            finish: self.plan.finish,
            visible: self.visible,
            reasoning: self.reasoning,
            usage: self.scenario.fault != SimFault::NoUsage,
            timing,
        };
        let mut out = Vec::new();
        self.writer.closing(&mut out, &closing);
        out
    }

    fn open(&mut self, block: &mut RenderedBlock) {
        let ttft = nanos(self.scenario.ttft);
        if self.scenario.fault == SimFault::Bom && self.writer.is_text() {
            block.bytes.extend_from_slice("\u{feff}".as_bytes());
        }
        self.writer.opening(&mut block.bytes);
        if self.scenario.fault == SimFault::EmptyChoices {
            self.writer.empty(&mut block.bytes);
        }
        if self.scenario.fault == SimFault::FirstRoleLate {
            return self.send(block, ttft, 0, 0);
        }
        self.send(block, 0, 0, 0);
        for quarter in 1..4 {
            self.writer.keep_alive(&mut block.bytes);
            self.send(block, ttft * quarter / 4, 0, 0);
        }
    }

    /// Renders one event, or the end.
    fn step(&mut self, block: &mut RenderedBlock) {
        let due = self.next_due();
        let after = self.scenario.after.map_or(self.plan.visible / 2, u64::from);
        let thinking = self.reasoning < self.plan.reasoning;
        let over = !thinking && self.visible >= self.plan.visible;
        if !self.twisted && !thinking && (over || self.visible >= after) {
            self.twisted = true;
            self.fault(block, due);
        } else if over {
            self.stage = ScriptStage::Ended;
            if self.scenario.fault != SimFault::NoFinish {
                block.acts.push(ScriptAction::Close { due: self.last_due });
            }
        } else if thinking {
            self.piece(block, due, Channel::Reasoning);
        } else {
            self.piece(block, due, Channel::Visible);
        }
    }

    /// The moment when the next token is due: always counted from the request, so that errors do not add up.
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

    fn piece(&mut self, block: &mut RenderedBlock, due: u64, channel: Channel) {
        let (done, total) = match channel {
            Channel::Reasoning => (&mut self.reasoning, self.plan.reasoning),
            Channel::Visible => (&mut self.visible, self.plan.visible),
        };
        let (from, count) = (*done, u64::from(self.scenario.tokens_per_event).min(total - *done));
        *done += count;
        if channel == Channel::Reasoning && !self.writer.shows_reasoning() {
            self.last_due = self.last_due.max(due);
            return;
        }
        self.text.clear();
        sample_text::write(&mut self.text, channel, self.scenario.fault, from, count);
        self.say(block, due, channel, count);
    }

    /// Renders the text in `text`.
    fn say(&mut self, block: &mut RenderedBlock, due: u64, channel: Channel, count: u64) {
        let before = block.bytes.len();
        let piece =
            SimTextPiece { channel, text: &self.text, visible: self.visible, reasoning: self.reasoning };
        self.writer.piece(&mut block.bytes, piece);
        let (reasoning, visible) = if channel == Channel::Reasoning { (count, 0) } else { (0, count) };
        let middle = block.bytes[before..].iter().position(|byte| *byte >= 0xc0);
        match middle.filter(|_| self.scenario.fault == SimFault::SplitUtf8) {
            Some(middle) => self.send_in_two(block, due, before + middle + 1, visible),
            None => self.send(block, due, reasoning, visible),
        }
    }

    fn send(&mut self, block: &mut RenderedBlock, due: u64, reasoning: u64, visible: u64) {
        let sent = block.acts.iter().rev().find_map(|act| match act {
            ScriptAction::Send(part) => Some(part.end),
            _ => None,
        });
        let end = block.bytes.len();
        if end == sent.unwrap_or_default() {
            return;
        }
        self.last_due = self.last_due.max(due);
        let part = SimSegment { due: self.last_due, end, reasoning, visible, alone: false };
        block.acts.push(ScriptAction::Send(part));
    }

    fn send_in_two(&mut self, block: &mut RenderedBlock, due: u64, middle: usize, visible: u64) {
        let due = self.last_due.max(due);
        self.last_due = due + HALF_CHARACTER;
        let half = |due, end, visible| {
            ScriptAction::Send(SimSegment { due, end, reasoning: 0, visible, alone: true })
        };
        block.acts.push(half(due, middle, 0));
        block.acts.push(half(self.last_due, block.bytes.len(), visible));
    }

    /// Renders the fault in the middle of the answer, if the scenario has one there.
    fn fault(&mut self, block: &mut RenderedBlock, due: u64) {
        let due = self.last_due.max(due);
        match self.scenario.fault {
            SimFault::ErrorInStream => {
                self.writer.error(&mut block.bytes);
                self.send(block, due, 0, 0);
                self.stage = ScriptStage::Ended;
            }
            SimFault::Cut => self.break_off(block, due, StreamBreak::Cut),
            SimFault::Reset => self.break_off(block, due, StreamBreak::Reset),
            SimFault::Stall => self.break_off(block, due, StreamBreak::Stall),
            SimFault::Malformed => self.odd_event(block, due, |writer, out| writer.malformed(out)),
            SimFault::EmptyChoices => self.odd_event(block, due, |writer, out| writer.empty(out)),
            SimFault::LongLine => self.odd_token(block, due, &b" long".repeat(LONG_LINE / 5)),
            SimFault::BadUtf8 => self.odd_token(block, due, b" \xff\xfe\xc3("),
            _ => {}
        }
    }

    fn break_off(&mut self, block: &mut RenderedBlock, due: u64, how: StreamBreak) {
        block.acts.push(ScriptAction::Break { due, how });
        self.stage = ScriptStage::Ended;
    }

    fn odd_event(
        &mut self,
        block: &mut RenderedBlock,
        due: u64,
        render: fn(&mut dyn ResponseWriter, &mut Vec<u8>),
    ) {
        render(self.writer.as_mut(), &mut block.bytes);
        self.send(block, due, 0, 0);
    }

    /// Renders the next visible token with another text.
    fn odd_token(&mut self, block: &mut RenderedBlock, due: u64, text: &[u8]) {
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
