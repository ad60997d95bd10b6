// A reader of the card list written from FORMAT.md alone, in another language
// than ours: what the page says is enough. Plain rather than fast.
//
//   turnike gate conform --exec node gate/conform/example/reader.mjs
import { createDecipheriv, createHash, createHmac, createPublicKey, verify } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [folder, state, city, fingerprint] = process.argv.slice(2);
const sha = (...parts) => { const h = createHash("sha256"); parts.forEach(p => h.update(p)); return h.digest(); };
const hex = b => Buffer.from(b).toString("hex");
const short = b => hex(sha(b).subarray(0, 8));
const keyID = key => hex(sha(key).subarray(0, 8));
const signedBy = (key, body, signature) => verify(null, body, createPublicKey({
  format: "jwk", key: { kty: "OKP", crv: "Ed25519", x: Buffer.from(key).toString("base64url") } }), signature);
const fail = what => { throw new Error(what); };

class Reader {
  constructor(file, magic, newest = 1) {
    this.b = file; this.at = 5;
    if (file.length < 5 || file.subarray(0, 4).toString() !== magic) fail(`no ${magic} file`);
    if (file[4] < 1 || file[4] > newest) fail("unknown version");
  }
  take(n) { if (this.at + n > this.b.length) fail("cut short"); this.at += n; return this.b.subarray(this.at - n, this.at); }
  u8() { return this.take(1)[0]; }
  big(max = 2n ** 64n - 1n) {
    let v = 0n, n = 0;
    for (; ; n++) {
      const c = this.u8();
      if (n === 10) fail("number too long");
      v |= BigInt(c & 127) << BigInt(7 * n);
      if (c < 128) { if (n > 0 && c === 0) fail("padded number"); break; }
    }
    if (v > max) fail("number out of bounds");
    return v;
  }
  uvarint(max = 2 ** 32 - 1) { return Number(this.big(BigInt(max))); }
  varint(bound) {
    const u = this.big(), v = Number(u & 1n ? -(u + 1n) / 2n : u / 2n);
    if (Math.abs(v) > bound) fail("number out of bounds");
    return v;
  }
  time() { return this.varint(253402300799); }
  string(max) { return this.take(this.uvarint(max)).toString(); }
  end() { if (this.at !== this.b.length) fail("bytes left over"); }
}

function parseRoot(file) {
  const r = new Reader(file, "TKLK"), root = { city: r.string(64), version: r.uvarint(), keys: [], lists: [] };
  const versionEnd = r.at;
  root.threshold = r.u8();
  for (let n = r.u8(); n > 0; n--) root.keys.push(r.take(32));
  const listsAt = r.at;
  for (let n = r.u8(); n > 0; n--) root.lists.push({ key: r.take(32), from: r.time(), to: r.time() });
  root.body = file.subarray(0, r.at);
  root.signatures = [];
  for (let n = r.u8(); n > 0; n--) root.signatures.push({ id: hex(r.take(8)), signature: r.take(64) });
  r.end();
  if (!root.city || !root.version || !root.keys.length || root.keys.length > 16 || root.lists.length > 64 ||
      !root.threshold || root.threshold > root.keys.length || new Set(root.keys.map(hex)).size !== root.keys.length) fail("root out of bounds");
  const cityPart = file.subarray(0, 5 + 1 + file[5]);
  root.fingerprint = hex(sha(cityPart, Buffer.from([1]), file.subarray(versionEnd, listsAt), Buffer.from([0])));
  root.count = keys => keys.filter(k => root.signatures.some(s => s.id === keyID(k) && signedBy(k, root.body, s.signature))).length;
  return root;
}

function parseHead(file) {
  if (file.length > 16384) fail("head too long");
  const r = new Reader(file, "TKLH", 2), h = { file, city: r.string(64), sequence: r.big() };
  if (h.sequence === 0n) fail("sequence 0");
  h.issued = r.time(); h.notAfter = r.time(); h.root = r.uvarint(); h.cards = r.uvarint();
  h.ranges = r.take(32); h.array = r.take(32); h.rules = []; h.deltas = [];
  for (let n = r.uvarint(32); n > 0; n--) h.rules.push(r.take(32));
  h.full = { sequence: r.big(h.sequence), size: r.uvarint(), short: hex(r.take(8)) };
  for (let n = r.uvarint(64); n > 0; n--) {
    const d = { from: r.big(h.sequence), to: r.big(h.sequence), size: r.uvarint(), short: hex(r.take(8)) };
    if (d.from >= d.to) fail("a delta to nowhere");
    h.deltas.push(d);
  }
  if (file[4] === 2) { h.functions = r.take(32); if (h.functions.every(b => b === 0)) fail("no functions"); }
  h.key = hex(r.take(8)); h.body = file.subarray(0, r.at); h.signature = r.take(64); r.end();
  return h;
}

function readTable(r) {
  const start = r.at, table = new Map();
  let last = -1;
  for (let n = r.uvarint(256); n > 0; n--) {
    const s = r.u8(), c = r.u8();
    if (s <= last || c > 31) fail("state table");
    last = s;
    table.set(s, { cls: c, stop: r.uvarint(2 ** 31 - 1) });
  }
  return { table, bytes: r.b.subarray(start, r.at) };
}

function readModel(r, table) {
  const k = r.uvarint(256), symbols = [];
  if (k === 0) fail("empty model");
  let rest = 0;
  for (let i = 0; i < k; i++) {
    const s = { state: r.u8(), share: 0 };
    if (i > 0) { const p = r.take(2).readUInt16BE(); s.share = (p & 4095) * 2 ** (p >> 12); rest += s.share; if (!s.share) fail("no share"); }
    if (!table.has(s.state) || symbols.some(x => x.state === s.state)) fail("model's state");
    symbols.push(s);
  }
  if (rest >= 2 ** 24) fail("model of too much");
  symbols[0].share = 2 ** 24 - rest;
  let start = 0;
  for (const s of symbols) { s.start = start; start += s.share; }
  return symbols;
}

function decodeStream(stream, models) {
  let x = stream.length < 8 ? fail("stream") : stream.readBigUInt64BE(), at = 8;
  const out = new Uint8Array(models.length);
  models.forEach((m, i) => {
    if (m.length === 1) { out[i] = m[0].state; return; }
    const slot = Number(x & 0xffffffn), s = m.find(s => slot >= s.start && slot < s.start + s.share);
    out[i] = s.state;
    x = BigInt(s.share) * (x >> 24n) + BigInt(slot - s.start);
    if (x < 2n ** 31n) {
      if (at + 4 > stream.length) fail("stream cut short");
      x = x << 32n | BigInt(stream.readUInt32BE(at)); at += 4;
    }
  });
  if (x !== 2n ** 31n || at !== stream.length) fail("stream not whole");
  return out;
}

function parseFull(file, most) {
  const r = new Reader(file, "TKLF"), n = r.uvarint(most), { table, bytes } = readTable(r);
  const models = [], perCard = [];
  for (let k = r.uvarint(64); k > 0; k--) models.push(readModel(r, table));
  for (let k = r.uvarint(2 ** 20); k > 0; k--) {
    const cards = r.uvarint(), m = r.uvarint(63);
    if (!cards || !models[m] || perCard.length + cards > n) fail("run");
    for (let i = 0; i < cards; i++) perCard.push(models[m]);
  }
  if (perCard.length !== n) fail("runs do not cover");
  const L = r.uvarint(64), sizes = [], array = new Uint8Array(n);
  if (L === 0) fail("no lanes");
  for (let i = 0; i < L; i++) sizes.push(r.uvarint());
  for (let i = 0; i < L; i++) {
    const from = Math.floor(n * i / L), to = Math.floor(n * (i + 1) / L);
    array.set(decodeStream(r.take(sizes[i]), perCard.slice(from, to)), from);
  }
  r.end();
  return { array, table, bytes };
}

function applyDelta(list, file, most) {
  const r = new Reader(file, "TKLD");
  r.big(); r.big();
  const n = r.uvarint(most), fill = r.u8(), { table, bytes } = readTable(r), folds = new Map();
  for (let k = r.uvarint(256); k > 0; k--) {
    const from = r.u8(), to = r.u8();
    if (from === to || folds.has(from) || !table.has(to)) fail("fold");
    folds.set(from, to);
  }
  if (n < list.array.length) fail("shorter");
  const array = new Uint8Array(n).fill(fill);
  array.set(list.array);
  for (let i = 0; i < n; i++) if (folds.has(array[i])) array[i] = folds.get(array[i]);
  const d = r.uvarint(8 * file.length);
  if (d > 0) {
    const m = readModel(r, table);
    const states = m.length === 1 ? new Uint8Array(d).fill(m[0].state) : decodeStream(r.take(r.uvarint()), new Array(d).fill(m));
    const v = r.uvarint(), w = v > 1 ? Math.ceil(Math.log2(v)) : 0, s = 2 ** w - v;
    if (v === 0) fail("divisor");
    const gaps = r.take(file.length - r.at);
    let bit = 0;
    const next = () => { if (bit >= 8 * gaps.length) fail("gaps"); const b = gaps[bit >> 3] >> (7 - bit % 8) & 1; bit++; return b; };
    const bits = k => { let x = 0; for (; k > 0; k--) x = x * 2 + next(); return x; };
    for (let i = 0, index = 0; i < d; i++) {
      let q = 0;
      while (next()) q++;
      let rem = 0;
      if (w > 0) { rem = bits(w - 1); if (rem >= s) rem = rem * 2 + next() - s; }
      index += q * v + rem;
      if (index >= n) fail("past the end");
      array[index++] = states[i];
    }
    if (8 * gaps.length - bit >= 8 || bits(8 * gaps.length - bit) !== 0) fail("filling");
  }
  r.end();
  return { array, table, bytes };
}

function digestOf(list) {
  const n = Buffer.alloc(4);
  n.writeUInt32BE(list.array.length);
  const blocks = [];
  for (let i = 0; i < list.array.length; i += 65536) blocks.push(sha(list.array.subarray(i, i + 65536)));
  return hex(sha("TKLA", n, list.bytes, ...blocks));
}

function parseRanges(file) {
  const r = new Reader(file, "TKLN"), out = { parent: r.u8() === 1 ? r.take(32) : null, schemes: [], runs: [] };
  for (let n = r.u8(); n > 0; n--) out.schemes.push({ id: r.u8(), kind: r.u8(), digits: r.u8(), check: r.u8(), name: r.string(64) });
  for (let n = r.uvarint(2 ** 20); n > 0; n--) {
    const scheme = r.u8();
    const kind = out.schemes.find(s => s.id === scheme)?.kind;
    if (kind === 2) fail("a run of chips");
    if (kind) {
      const tags = [];
      for (let k = r.uvarint(); k > 0; k--) tags.push(r.take(8).readBigUInt64BE());
      out.runs.push({ scheme, tags, n: tags.length });
    } else {
      const first = r.big(), more = r.big(2n ** 32n - 1n);
      out.runs.push({ scheme, first, last: first + more, n: Number(more) + 1 });
    }
  }
  r.end();
  return out;
}

function parseRules(file) {
  const r = new Reader(file, "TKLR"), t = { from: r.time(), amber: r.uvarint(), alarm: r.uvarint(), stopped: r.u8(), staleStopped: r.u8() };
  t.byClass = r.take(32); t.staleByClass = r.take(32); t.zone = []; t.rows = [];
  for (let n = r.uvarint(1024); n > 0; n--) t.zone.push({ at: r.time(), offset: r.varint(86400) });
  for (let n = r.uvarint(1024); n > 0; n--) t.rows.push({ classes: r.uvarint(), from: r.uvarint(), to: r.uvarint(), start: r.uvarint(1440), end: r.uvarint(1440), weekdays: r.u8(), mode: r.u8(), outcome: r.u8() });
  r.end();
  return t;
}

// Memory of a gate: root files, ratchet, head, and every file fetched.
const statePath = join(state, "state.json");
const mem = existsSync(statePath) ? JSON.parse(readFileSync(statePath)) : { roots: [], ratchet: {}, files: {} };
const unpack = s => Buffer.from(s, "base64"), pack = b => Buffer.from(b).toString("base64");
const save = () => { mkdirSync(state, { recursive: true }); writeFileSync(statePath + ".new", JSON.stringify(mem)); renameSync(statePath + ".new", statePath); };
const fetched = {};
function get(name) {
  if (mem.files[name]) return unpack(mem.files[name]);
  const file = readFileSync(join(folder, name));
  if (!name.endsWith("-" + short(file))) fail(name + " is not what its name says");
  fetched[name] = pack(file);
  return file;
}

// In the cases the city's list secret is these letters.
const listKey = createHmac("sha256", "turnike conforms, and seals lists").update("turnike list files 1").digest();
function unsealed(file) {
  if (file.subarray(0, 4).toString() !== "TKLX") return file;
  if (file[4] > 2 || file.length < 33) fail("sealed otherwise");
  const d = createDecipheriv("aes-256-gcm", listKey, file.subarray(5, 17)).setAAD(file.subarray(0, 5)).setAuthTag(file.subarray(-16));
  const plain = Buffer.concat([d.update(file.subarray(17, -16)), d.final()]);
  if (file[4] === 1) return plain;
  let end = plain.length - 1;
  while (end >= 0 && plain[end] === 0) end--;
  if (plain[end] !== 128) fail("padding");
  return plain.subarray(0, end);
}

function plan(h, from) {
  const best = new Map([[from, { cost: 0, way: [] }]]);
  for (let i = 0; i <= h.deltas.length; i++)
    for (const d of h.deltas)
      for (const [at, b] of [...best])
        if (d.from <= at && at < d.to && !(best.get(d.to)?.cost <= b.cost + d.size)) best.set(d.to, { cost: b.cost + d.size, way: [...b.way, d] });
  return best.get(h.sequence);
}

function ranges(h) {
  const chain = [];
  for (let digest = h.ranges; digest; ) {
    const file = get("ranges-" + hex(digest.subarray(0, 8)));
    if (hex(sha(file)) !== hex(digest) || chain.length === 1024) fail("ranges digest");
    chain.unshift(parseRanges(file));
    digest = chain[0].parent;
  }
  const runs = chain.flatMap(c => c.runs);
  let base = 0;
  for (const run of runs) { run.base = base; base += run.n; }
  if (base !== h.cards) fail("ranges of another number of cards");
  return { schemes: chain.at(-1).schemes, runs };
}

function rules(h) {
  return h.rules.map(d => {
    const file = get("rules-" + hex(d.subarray(0, 8)));
    if (hex(sha(file)) !== hex(d)) fail("rules digest");
    return parseRules(file);
  });
}

function build(h, start, list) {
  const from = start === null ? h.full.sequence : start, way = plan(h, from);
  if (!way) fail("no way");
  if (start === null) list = parseFull(unsealed(get(`full-${h.full.sequence}-${h.full.short}`)), h.cards);
  for (const d of way.way) list = applyDelta(list, unsealed(get(`delta-${d.from}-${d.to}-${d.short}`)), h.cards);
  if (list.array.length !== h.cards || digestOf(list) !== hex(h.array)) fail("array digest");
  return list;
}

const u64 = x => BigInt.asUintN(64, x), G = 0x9e3779b97f4a7c15n;
const mix = x => {
  x = u64((x ^ x >> 30n) * 0xbf58476d1ce4e5b9n);
  x = u64((x ^ x >> 27n) * 0x94d049bb133111ebn);
  return x ^ x >> 31n;
};

function readRetrieval(r) {
  const layers = [], n = r.u8();
  if (n > 12) fail("too many layers");
  for (let i = 0; i < n; i++) {
    const columns = r.uvarint(2 ** 31), starts = columns > 128 ? columns - 127 : 1;
    if (!columns) fail("no columns");
    const bumps = r.uvarint(1) ? r.take(Math.ceil(starts / 2048)) : null, bits = r.take(Math.ceil(columns / 8));
    if (columns % 8 && bits.at(-1) >> columns % 8) fail("columns past the last");
    layers.push({ columns, starts, bumps, bits });
  }
  return key => {
    for (const [i, l] of layers.entries()) {
      const h = mix(u64(key + BigInt(i) * G)), start = Number(h * BigInt(l.starts) >> 64n);
      const bucket = Math.floor(start / 512), code = l.bumps ? l.bumps[bucket >> 2] >> bucket % 4 * 2 & 3 : 0;
      if (start % 512 < [0, 88, 176, 512][code]) continue;
      let low = u64((h ^ h >> 32n) * 0xd6e8feb86659fd93n), high = u64((h ^ h >> 29n) * 0xa0761d6478bd642fn);
      let taken = (low ^ low >> 32n) | (high ^ high >> 31n) << 64n, parity = 0;
      for (let c = start; taken && c < l.columns; c++, taken >>= 1n) if (taken & 1n) parity ^= l.bits[c >> 3] >> c % 8 & 1;
      return parity;
    }
    return 0;
  };
}

function parseFunction(file, from, to) {
  const r = new Reader(file, "TKLS");
  if (r.big() !== from || r.big() !== to) fail("another function");
  r.uvarint();
  const seed = r.take(8).readBigUInt64BE(), leaves = [], forks = [];
  for (let n = r.u8() + 1; n > 0; n--) {
    const cls = r.u8();
    if (cls > 31 && cls !== 255) fail("no class");
    leaves.push(cls === 255 ? null : { cls, stop: r.uvarint(2 ** 31 - 1) });
  }
  const befores = leaves.filter(l => !l).length;
  if (befores > 1 || befores && from === 0n) fail("as before what");
  const way = i => {
    const w = r.take(2).readUInt16BE();
    if (w < 32768 ? w <= i || w >= leaves.length - 1 : 65535 - w >= leaves.length) fail("way");
    return w;
  };
  for (let i = 0; i < leaves.length - 1; i++) {
    const bits = r.u8();
    if (bits > 32) fail("filter bits");
    forks.push({ bits, common: way(i), rare: way(i) });
  }
  const filter = readRetrieval(r), exact = readRetrieval(r);
  r.end();
  return value => {
    const t = u64(value + seed), key = (f, b) => mix(t ^ u64(BigInt(256 * f + b) * G));
    let at = forks.length ? 0 : 65535;
    while (at < 32768) {
      const f = forks[at];
      let rare = true;
      for (let b = 0; rare && b < f.bits; b++) { const k = key(at, b + 1); rare = BigInt(filter(k & ~1n)) === (k & 1n); }
      at = rare && exact(key(at, 0) & ~1n) ? f.rare : f.common;
    }
    return leaves[65535 - at];
  };
}

function functions(h) {
  if (!h.functions) return null;
  const file = get("functions-" + hex(h.functions.subarray(0, 8)));
  if (hex(sha(file)) !== hex(h.functions) || file.length > 16384) fail("functions digest");
  const r = new Reader(file, "TKLM"), n = r.u8(), out = [];
  if (n < 1 || n > 64) fail("number of functions");
  for (let i = 0, from = 0n; i < n; i++) {
    const to = r.big(), size = r.uvarint(), digest = r.take(32);
    if (to <= from) fail("a function to nowhere");
    const file = get(`function-${from}-${to}-${hex(digest.subarray(0, 8))}`);
    if (file.length !== size || hex(sha(file)) !== hex(digest)) fail("function digest");
    out.unshift(parseFunction(unsealed(file), from, to));
    from = to;
  }
  r.end();
  return out;
}

// In the cases the city's tag key is these sixteen letters.
function chip(s, payload) {
  const tag = createHmac("sha256", "turnike conforms").update(Buffer.from([s.id])).update(payload).digest();
  return tag.readBigUInt64BE() | 1n << 63n;
}

let live = null;
function restore() {
  if (!mem.head) return;
  const h = parseHead(unpack(mem.head)), table = new Map(mem.list.table);
  live = { h, list: { array: unpack(mem.list.array), table, bytes: unpack(mem.list.bytes) }, ranges: ranges(h), rules: rules(h), functions: functions(h) };
}

function follow() {
  const file = readFileSync(join(folder, "head"));
  if (mem.head && unpack(mem.head).equals(file)) return;
  const h = parseHead(file);
  while (mem.roots.length < h.root) {
    const next = parseRoot(readFileSync(join(folder, "root-" + (mem.roots.length + 1))));
    if (next.city !== city || next.count(next.keys) < next.threshold) fail("root not accepted");
    if (!mem.roots.length) { if (next.fingerprint !== fingerprint) fail("another root"); }
    else {
      const held = parseRoot(unpack(mem.roots.at(-1)));
      if (next.version !== held.version + 1 || next.count(held.keys) < held.threshold) fail("root does not follow");
    }
    mem.roots.push(pack(readFileSync(join(folder, "root-" + (mem.roots.length + 1)))));
    for (const id of Object.keys(mem.ratchet)) if (!next.lists.some(l => keyID(l.key) === id)) delete mem.ratchet[id];
    save();
  }
  const root = parseRoot(unpack(mem.roots.at(-1))), named = id => root.lists.some(l => keyID(l.key) === id);
  const key = root.lists.find(l => keyID(l.key) === h.key && l.from <= h.issued && h.issued <= l.to);
  if (h.city !== root.city || !key || !signedBy(key.key, h.body, h.signature)) fail("head not accepted");
  for (const [id, seq] of Object.entries(mem.ratchet)) if (named(id) && h.sequence < BigInt(seq)) fail("rollback");
  const held = live?.h;
  if (held && named(held.key) && !(h.sequence > held.sequence || h.sequence === held.sequence && h.issued > held.issued)) fail("rollback");
  const next = { h, ranges: ranges(h), rules: rules(h), functions: functions(h), list: null };
  if (held && hex(held.array) === hex(h.array)) next.list = live.list;
  else {
    try { if (held) next.list = build(h, held.sequence, live.list); } catch { /* then from the full list */ }
    next.list ??= build(h, null);
  }
  Object.assign(mem.files, fetched);
  mem.head = pack(file);
  mem.list = { array: pack(next.list.array), table: [...next.list.table], bytes: pack(next.list.bytes) };
  if (BigInt(mem.ratchet[h.key] ?? 0) < h.sequence) mem.ratchet[h.key] = String(h.sequence);
  save();
  live = next;
}

function checked(s, digits) {
  if (digits.length !== s.digits || !/^[0-9]+$/.test(digits)) return null;
  if (s.check === 1) {
    const sum = [...digits].reverse().reduce((a, c, i) => a + (i % 2 ? [0, 2, 4, 6, 8, 1, 3, 5, 7, 9][c] : +c), 0);
    return sum % 10 ? null : digits.slice(0, -1);
  }
  if (s.check === 2) return BigInt(digits) % 97n === 1n ? digits.slice(0, -2) : null;
  return digits;
}

function statusOf(number) {
  const i = indexOf(number);
  if (i >= 0) return live.list.table.get(live.list.array[i]);
  const digits = number.replace(/[ -]/g, "");
  for (const s of live.functions ? live.ranges.schemes : []) {
    const payload = s.kind === 2 ? checked(s, digits) : null;
    if (payload === null) continue;
    for (const f of live.functions) { const status = f(chip(s, payload)); if (status) return status; }
  }
  return null;
}

function indexOf(number) {
  const digits = number.replace(/[ -]/g, "");
  for (const s of live.ranges.schemes) {
    const payload = s.kind === 0 ? checked(s, digits) : null; // no vectors with tags: they need the city's secret
    if (payload === null) continue;
    const v = BigInt(payload);
    for (const run of live.ranges.runs) if (run.scheme === s.id && run.first <= v && v <= run.last) return run.base + Number(v - run.first);
  }
  return -1;
}

const words = ["stale", "open", "open-full-fare", "refuse"];
function decide(number, unix, mode) {
  if (!live) return "stale";
  const status = statusOf(number);
  if (!status) return "refuse";
  const fresh = unix <= live.h.notAfter, t = fresh ? Math.max(unix, live.h.issued) : unix;
  const ascending = live.rules.map((r, i) => ({ r, i })).sort((a, b) => a.r.from - b.r.from || a.i - b.i).map(x => x.r);
  const table = ascending.filter(r => r.from <= t).at(-1) ?? ascending[0];
  if (!table) return "stale";
  const offset = (table.zone.filter(z => z.at <= t).at(-1) ?? table.zone[0]).offset, local = t + offset;
  const day = Math.floor(local / 86400), minute = Math.floor((local - day * 86400) / 60), weekday = (((day + 3) % 7) + 7) % 7;
  const { cls, stop } = status;
  if (stop !== 0 && day <= stop) return words[fresh ? table.stopped : table.staleStopped];
  if (!fresh) return words[table.staleByClass[cls]];
  const row = table.rows.find(r => (r.classes === 0 || r.classes >>> cls & 1) && r.from <= day && (r.to === 0 || day <= r.to) &&
    (r.weekdays === 0 || r.weekdays >> weekday & 1) && (r.mode === 0 || r.mode === mode) &&
    (r.start === 0 && r.end === 0 || (r.start < r.end ? r.start <= minute && minute < r.end : r.start <= minute || minute < r.end)));
  return words[row ? row.outcome : table.byClass[cls]];
}

restore();
try { follow(); } catch (e) { console.error("refused:", e.message); }
for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const [number, unix, mode] = line.split(",");
  console.log(decide(number, +unix, +mode));
}
