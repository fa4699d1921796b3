import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { WorkTree } from '../fixtures/git.ts';
import { EdgeClient, serverTiming } from '../fixtures/http.ts';
import { type ServerFixture, startServer } from '../fixtures/server.ts';

const says = (text: string) => `export default { fetch: () => new Response(${JSON.stringify(text)}) };\n`;

describe('a pushed function', () => {
  let server: ServerFixture;
  before(async () => {
    server = await startServer();
  });
  after(() => server[Symbol.asyncDispose]());

  test('answers from zero, then warm, and tells how', async () => {
    await using tree = await WorkTree.create({ 'index.js': says('hello') });
    const { code, remote, text, ms } = await tree.push(server.remote('hello'));
    console.log('push', ms, text);
    assert.equal(code, 0, text);
    const edge = new EdgeClient(server.config, 'hello');
    const cold = await edge.ask();
    console.log(cold);
    const warm = await edge.ask();
    console.log(warm.start, serverTiming(warm));
    const second = await tree.commit({ 'index.js': says('two') });
    const again = await tree.push(server.remote('hello'));
    console.log('push', again.ms, second, again.text);
    console.log((await edge.ask()).text);
    void Agent;
  });
});
