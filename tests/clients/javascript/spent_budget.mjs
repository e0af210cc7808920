// Sends one request by each SDK to a budget that is used up, with the SDKs' own retries, and prints what they make
// of the refusal: {"openai": {"status": 429, "message": "..."}, ...}.
import { createRequire } from "node:module";

const [folder, url, key] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const { default: OpenAI } = require("openai");
const { default: Anthropic } = require("@anthropic-ai/sdk");
const { GoogleGenAI } = require("@google/genai");

const messages = [{ role: "user", content: "hello" }];
const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: key });
const anthropic = new Anthropic({ baseURL: url, apiKey: key });
const google = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: url } });

const calls = {
  chat: () => openai.chat.completions.create({ model: "gpt-4o", messages }),
  responses: () => openai.responses.create({ model: "gpt-5.3-codex", input: "hello" }),
  messages: () => anthropic.messages.create({ model: "claude-haiku-4.5", max_tokens: 50, messages }),
  gemini: () => google.models.generateContent({ model: "gemini-3.1-pro-preview", contents: "hello" }),
};

const found = {};
for (const [name, call] of Object.entries(calls)) {
  found[name] = await call().then(
    () => ({ status: 200, message: "" }),
    (error) => ({ status: error.status, message: error.message }),
  );
}
console.log(JSON.stringify(found));
