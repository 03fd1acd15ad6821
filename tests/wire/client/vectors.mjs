// What superjson writes for many values and how it reads many envelopes: superjson-vectors.json.
// A value is what its JavaScript text says; an envelope is followed by what it is written as again.

import { readFileSync } from 'node:fs';
import { SuperJSON } from 'superjson';
import { play } from './scenario.mjs';

globalThis.P = class P {
  constructor() {
    this.x = 1;
    this.at = new Date(0);
  }
};
globalThis.S = Symbol('tag');

const isPoint = (value) => value instanceof P;
const pointJson = ({ x, at }) => ({ x, at: at.toISOString() });
const withCustom = (superjson) =>
  superjson.registerCustom(
    { isApplicable: isPoint, serialize: pointJson, deserialize: pointJson },
    'ExecutionEventImpl',
  );
const withClass = (superjson) => superjson.registerClass(P, 'P');
const withSymbol = (superjson) => superjson.registerSymbol(S, 'tag');
const withProps = (superjson) => superjson.allowErrorProps('code', 'stack2');

const ENCODE = [
  ['undefined at root', 'undefined'],
  ['null at root', 'null'],
  ['plain', '({a:1,b:"x",c:[true,null]})'],
  ['undefined in object', '({a:undefined})'],
  ['undefined in array', '[1,undefined]'],
  ['hole in array', '[1,,3]'],
  ['Date', 'new Date(0)'],
  ['Date nested', '({a:{b:[new Date(0)]}})'],
  ['Date with milliseconds', '[new Date(1), new Date(-1), new Date("0001-01-01T00:00:00.010Z")]'],
  ['invalid Date', '({d:new Date(NaN)})'],
  ['Date far years', '[new Date(8.64e15), new Date(-1e14)]'],
  ['bigint', '({n:10n})'],
  ['bigints', '[0n, -1n, 2n ** 70n]'],
  ['NaN/Infinity/-0', '[NaN,Infinity,-Infinity,-0,0]'],
  ['number at root', '-0'],
  ['integers', '[1, -1, 2 ** 31, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]'],
  ['fractions', '[0.1, -2.5, 0.001]'],
  ['exponents', '[1e-7, 1e21, 1.7976931348623157e308]'],
  ['RegExp', '/a\\/b/gi'],
  ['RegExp nested', '[/./, /\\n/u]'],
  ['Set', 'new Set([1,new Date(0)])'],
  ['Set of one', '({s:new Set([new Date(0)])})'],
  ['empty Set and Map', '({s:new Set(),m:new Map()})'],
  ['Set of Set', 'new Set([new Set([1n])])'],
  ['Map', 'new Map([["k",new Date(0)],[{x:1},2n]])'],
  ['Map by numbers', 'new Map([[1,new Date(0)],[2,undefined]])'],
  ['Map by values', 'new Map([[1n,{"a.b":[new Set([1])]}],[new Date(0),null]])'],
  ['nested Map in object', '({m:new Map([["a",new Map([["b",undefined]])]])})'],
  ['URL', 'new URL("https://x.y/z?q=1")'],
  ['URL nested', '[new URL("https://x.y")]'],
  ['Error', 'new TypeError("bad")'],
  ['Error with cause', 'new Error("a",{cause:new Date(0)})'],
  ['Error with Error as cause', 'new Error("a",{cause:new RangeError("b",{cause:1n})})'],
  ['Error nested', '({e:new Error("x")})'],
  ['Error allowErrorProps("code")', 'Object.assign(new Error("x"),{code:"E1"})', withProps],
  ['Uint8Array', 'new Uint8Array([1,2])'],
  ['Uint8Array nested', '({b:[new Uint8Array([0,255]),new Uint8Array()]})'],
  ['small typed arrays', '[Int8Array,Uint8ClampedArray,Int16Array,Uint16Array].map((A)=>new A([1]))'],
  ['large typed arrays', '[Int32Array,Uint32Array,Float32Array].map((A)=>new A([1]))'],
  // The elements are not walked: NaN is lost to null.
  ['Float64Array with NaN', '({f:new Float64Array([1.5,NaN])})'],
  ['BigInt64Array', '({f:new BigInt64Array([1n])})'],
  // Named after its constructor, which nobody can read.
  ['Buffer', 'Buffer.from("ab")'],
  ['symbol unregistered', '({s:Symbol("x")})'],
  ['symbol registered', '({s:S})', withSymbol],
  // Not walked: the Date inside becomes a text.
  ['unregistered class instance', '({p:new P()})'],
  ['registered class', '({p:new P()})', withClass],
  ['custom in array', '[new P(),new P()]', withCustom],
  ['custom at root', 'new P()', withCustom],
  ['custom in Map', 'new Map([[1,new P()]])', withCustom],
  ['key with dot', '({"a.b":new Date(0)})'],
  ['key with backslash', '({"a\\\\b":new Date(0)})'],
  ['key with backslash dot', '({"a\\\\.b":{c:undefined}})'],
  ['keys of dots and backslashes', '({".":1n,"..":2n,"\\\\":{"\\\\":3n}})'],
  ['empty key', '({"":new Date(0)})'],
  ['empty keys', '({"":{"":new Date(0)}})'],
  ['numeric keys', '({"1":new Date(0)})'],
  ['proto key', 'JSON.parse(\'{"constructor":1}\')'],
  ['shared object', 'const a={x:1};({p:a,q:a,r:[a]})'],
  ['shared Date', 'const d=new Date(0);({p:d,q:d})'],
  ['shared bigint', '({p:1n,q:1n})'],
  ['two NaN', '[NaN,NaN]'],
  ['two Infinity', '[Infinity,Infinity]'],
  ['shared at root (cycle)', 'const a={};a.self=a'],
  ['cycle and other', 'const o={};const c={};o.me=o;o.c=c;o.d=c;o'],
  ['dedupe', 'const a={x:1};({p:a,q:a})', (superjson) => (superjson.dedupe = true)],
  ['function', '({f(){}})'],
  ['toJSON object', '({v:{toJSON(){return 5}}})'],
  ['null-prototype object', 'Object.assign(Object.create(null),{d:new Date(0)})'],
  ['lone surrogate', '"\\ud800"'],
  ['text', '"\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\\u007f\\u2028 é 😀"'],
];

const at = '1970-01-01T00:00:00.000Z';
const values = (json, annotations) => ({ json, meta: { values: annotations, v: 1 } });

const DECODE = [
  ['no meta', { json: { a: 1 } }],
  ['json absent', {}],
  // Without a version a backslash is itself.
  ['legacy path', { json: { 'a\\b': at }, meta: { values: { 'a\\b': ['Date'] } } }],
  ['v:1 with escape', values({ 'a\\b': at }, { 'a\\\\b': ['Date'] })],
  ['v:1 with bad escape', values({ 'a\\b': 'x' }, { 'a\\b': ['Date'] })],
  ['Date with offset string', values('2020-01-01T00:00:00+02:00', ['Date'])],
  ['Date with number', values(0, ['Date'])],
  ['Date microseconds', values('2020-01-01T00:00:00.123456Z', ['Date'])],
  ['Date annotation on null', values({ a: null }, { a: ['Date'] })],
  ['unknown annotation', values(1, ['nope'])],
  ['unknown custom', values(1, [['custom', 'Nope']])],
  ['unknown class', values({}, [['class', 'Nope']])],
  ['unknown symbol', values('x', [['symbol', 'nope']])],
  ['unknown typed array', values([1], [['typed-array', 'Nope']])],
  ['path to nothing', values({ a: 1 }, { 'b.c': ['Date'] })],
  ['proto path', values({ a: 1 }, { '__proto__.x': ['Date'] })],
  ['prototype path', values({ a: 1 }, { 'a.prototype': ['Date'] })],
  ['meta null', { json: 1, meta: null }],
  ['undefined in object stays a key', values({ a: null }, { a: ['undefined'] })],
  ['undefined in array', values([null], { 0: ['undefined'] })],
  [
    'referentialEqualities with nulls',
    { json: { p: { x: 1 }, q: null }, meta: { referentialEqualities: { p: ['q'] }, v: 1 } },
  ],
  ['tree form nested', values({ m: [['k', at]] }, { m: ['map', { '0.1': ['Date'] }] })],
  ['numbers', values(['NaN', '-0', 'Infinity'], { 0: ['number'], 1: ['number'], 2: ['number'] })],
  ['bigint', values('-12', ['bigint'])],
  ['set', values([at], ['set', { 0: ['Date'] }])],
  ['map by numbers', values([[1, '2']], ['map', { '0.1': ['bigint'] }])],
  ['Error', values({ name: 'E', message: 'm' }, ['Error'])],
  ['Error with cause', values({ name: 'E', message: 'm', cause: at }, ['Error', { cause: ['Date'] }])],
  ['Uint8Array', values([0, 255], [['typed-array', 'Uint8Array']])],
];

const attempt = (work) => {
  try {
    return work();
  } catch (error) {
    return { throws: error.message.split(' - ')[0] };
  }
};

function written([name, js, prepare = () => {}]) {
  const superjson = new SuperJSON();
  prepare(superjson);
  const write = () => {
    const text = JSON.stringify(superjson.serialize((0, eval)(js)));
    return { text, serialized: JSON.parse(text) };
  };
  return { name, js, ...attempt(write) };
}

function read([name, payload]) {
  const superjson = new SuperJSON();
  const again = () => ({ again: superjson.serialize(superjson.deserialize(structuredClone(payload))) });
  return { name, payload, ...attempt(again) };
}

const { version } = JSON.parse(readFileSync(new URL('node_modules/superjson/package.json', import.meta.url)));
const all = () => ({ superjson: version, encode: ENCODE.map(written), decode: DECODE.map(read) });

await play({ all });
