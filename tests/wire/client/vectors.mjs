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
const withDedupe = (superjson) => (superjson.dedupe = true);
const withAll = (superjson) => [withClass, withSymbol, withDedupe].forEach((each) => each(superjson));
const withOdd = (superjson) =>
  superjson.registerCustom(
    { isApplicable: isPoint, serialize: () => eval(ODD), deserialize: (value) => value },
    'ExecutionEventImpl',
  );
const ODD = '({a:NaN, b:[-0, undefined, Infinity], c:undefined, d:new Date(0), e:new URL("https://x.y")})';

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
  ['dedupe', 'const a={x:1};({p:a,q:a})', withDedupe],
  ['dedupe in containers', 'const b={x:1};({p:b,m:new Map([[1,b],[b,2]]),s:new Set([b]),e:new Error("x",{cause:b})})', withDedupe],
  ['RegExps', '[/(?:)/, new RegExp("/[/]\\n"), /\\//dgimsuy, /é\\p{L}/v]'],
  ['URLs', '[new URL("HTTPS://u:p@X.y:443/ä?q#f"), new URL("mailto:a@b.c"), new URL("data:,x")]'],
  ['elements of typed arrays', '({a:new Int8Array([-128,127]),b:new Uint8ClampedArray([300,0.5]),c:new Int32Array([-1]),d:new Uint32Array([-1])})'],
  ['elements of Float32Array', 'new Float32Array([0.1,-0,1.5,16777217,NaN,Infinity])'],
  ['elements of Float64Array', 'new Float64Array([0.1,-0,1,2**53,1e-7,-Infinity])'],
  ['empty typed array', '[new Float64Array(), new Int16Array()]'],
  ['Set of objects', 'new Set([{b:1},{a:new Date(0)},[{c:2n}]])'],
  ['Set of alike', 'new Set([1,true,1n,"1"])'],
  ['Set of equal Dates', 'new Set([new Date(0),new Date(0),new Date(1)])'],
  ['Set of Set of objects', '({s:new Set([new Set([{a:undefined}]),new Set()])})'],
  ['Set of one of each', '[/a/g,new URL("https://x.y"),new Int8Array([1]),undefined].map((each)=>new Set([each]))'],
  ['Map by objects', 'new Map([[{at:new Date(0)},1n],[{},new Map([[[{}],null]])]])'],
  ['Map by alike', 'new Map([[1,"a"],[true,"b"],[1n,"c"]])'],
  ['Map by texts', '({m:new Map([["a.b",new Date(0)],["constructor",/x/]])})'],
  ['Map of nothing', 'new Map()'],
  ['Map by one of each', '[/a/g,new URL("https://x.y"),new Int8Array([1]),null].map((each)=>new Map([[each,1]]))'],
  ['class at root', 'new P()', withClass],
  ['class in Map and Set', '({m:new Map([[new P(),1]]),s:new Set([new P()])})', withClass],
  ['symbol at root', 'S', withSymbol],
  ['symbol in containers', '[S,new Set([S]),new Map([[S,S]])]', withSymbol],
  ['custom of what JSON has not', 'new P()', withOdd],
  ['undefined in containers', '[[undefined],new Set([undefined]),new Map([[undefined,undefined]])]'],
  ['function', '({f(){}})'],
  ['toJSON object', '({v:{toJSON(){return 5}}})'],
  ['null-prototype object', 'Object.assign(Object.create(null),{d:new Date(0)})'],
  ['lone surrogate', '"\\ud800"'],
  ['text', '"\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\\u007f\\u2028 é 😀"'],
];

const at = '1970-01-01T00:00:00.000Z';
const values = (json, annotations) => ({ json, meta: { values: annotations, v: 1 } });

const error = { name: 'E', message: 'm', cause: null };
const equal = (json, annotations, referentialEqualities) => ({
  json: { p: { x: 1 }, ...json },
  meta: { values: annotations, referentialEqualities, v: 1 },
});

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
  ['RegExp', values('/a\\/b/gi', ['regexp'])],
  ['RegExp with flags in disorder', values('/a/yg', ['regexp'])],
  ['RegExp of nonsense', values('/a/xx', ['regexp'])],
  ['URL', values('https://x.y/z?q=1', ['URL'])],
  ['URL of nonsense', values('nonsense', ['URL'])],
  ['typed arrays', values([[-1, 1], [70000]], { 0: [['typed-array', 'Int8Array']], 1: [['typed-array', 'Int32Array']] })],
  ['Float32Array', values([0.1, null, 3], [['typed-array', 'Float32Array']])],
  ['Float64Array', values([0.1, null, 3], [['typed-array', 'Float64Array']])],
  ['set of objects', values([{ a: at }, 1], ['set', { '0.a': ['Date'] }])],
  ['map by objects', values([[{ a: at }, '1']], ['map', { '0.0.a': ['Date'], '0.1': ['bigint'] }])],
  ['map by texts', values([['a', at]], ['map', { '0.1': ['Date'] }])],
  ['class', values({ p: { x: 1, at } }, { p: [['class', 'P'], { at: ['Date'] }] }), withAll],
  ['symbol', values(['tag'], { 0: [['symbol', 'tag']] }), withAll],
  ['repeated in Map', equal({ m: [[1, null]] }, { m: ['map'] }, { p: ['m.0.1'] }), withAll],
  ['repeated as key of Map', equal({ m: [[null, 1]] }, { m: ['map'] }, { p: ['m.0.0'] }), withAll],
  ['repeated in Set', equal({ s: [null] }, { s: ['set'] }, { p: ['s.0'] }), withAll],
  ['repeated in Error', equal({ e: error }, { e: ['Error'] }, { p: ['e.cause'] }), withAll],
  ['repeated in class', equal({ c: { x: null } }, { c: [['class', 'P']] }, { p: ['c.x'] }), withAll],
  ['repeated Map', equal({ m: [[at, 1]], n: [null] }, { m: ['map', { '0.0': ['Date'] }], n: ['set'] }, { m: ['n.0'] }), withAll],
  ['repeated out of Map', equal({ m: [[1, { x: at }]], q: null }, { m: ['map', { '0.1.x': ['Date'] }] }, { 'm.0.1': ['q'] }), withAll],
  ['repeated out of Error', equal({ e: { ...error, cause: [1] }, q: null }, { e: ['Error'] }, { 'e.cause': ['q'] }), withAll],
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

function read([name, payload, prepare = () => {}]) {
  const superjson = new SuperJSON();
  prepare(superjson);
  const again = () => {
    const text = JSON.stringify(superjson.serialize(superjson.deserialize(structuredClone(payload))));
    return { again: JSON.parse(text) };
  };
  return { name, payload, ...attempt(again) };
}

const { version } = JSON.parse(readFileSync(new URL('node_modules/superjson/package.json', import.meta.url)));
const all = () => ({ superjson: version, encode: ENCODE.map(written), decode: DECODE.map(read) });

await play({ all });
