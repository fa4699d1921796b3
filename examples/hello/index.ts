import { hostname } from 'node:os';
import greetings from './greetings.json';

/** Set while the code is baked; every clone starts with it. */
const bakedAt = new Date();
let thawedAt = bakedAt;
let requests = 0;

/** Called in each clone after its thaw, before its first request. */
export function afterThaw(): void {
  thawedAt = new Date();
  requests = 0;
}

export default {
  fetch(request: Request): Response {
    const { pathname, searchParams } = new URL(request.url);
    const name = searchParams.get('name') ?? (pathname.slice(1) || 'world');
    const greeting = greetings[Math.floor(Math.random() * greetings.length)];
    requests += 1;
    return Response.json({ greeting: `${greeting}, ${name}!`, instance: hostname(), requests, bakedAt, thawedAt });
  },
};
