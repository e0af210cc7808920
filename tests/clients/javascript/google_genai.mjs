// Uses Google's package as programs do, with one model, and prints what came of it as JSON.
import { createRequire } from "node:module";

const [folder, url, model, mark] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const { GoogleGenAI, Type } = require("@google/genai");

const client = new GoogleGenAI({ apiKey: "any", httpOptions: { baseUrl: url } });
const schema = { type: Type.OBJECT, properties: { city: { type: Type.STRING } }, required: ["city"] };
const tools = [{ functionDeclarations: [{ name: "get_weather", description: "Tells it.", parameters: schema }] }];
const found = {};

const whole = await client.models.generateContent({ model, contents: `Hello ${mark}` });
found.whole = [whole.text, whole.candidates[0].finishReason, whole.usageMetadata.totalTokenCount > 0];

found.streamed = "";
found.thoughts = false;
const thinkingConfig = { includeThoughts: true, thinkingBudget: 2000 };
const stream = await client.models.generateContentStream({ model, contents: `Bye ${mark}`, config: { thinkingConfig } });
for await (const chunk of stream) {
  found.streamed += chunk.text ?? "";
  found.thoughts ||= (chunk.candidates?.[0].content?.parts ?? []).some((part) => part.thought && part.text);
}

const asked = { role: "user", parts: [{ text: `[[sim:tools]] get_weather in Paris ${mark}` }] };
const called = await client.models.generateContent({ model, contents: [asked], config: { tools } });
const [call] = called.functionCalls;
const result = { functionResponse: { id: call.id, name: call.name, response: { output: `sunny ${mark}` } } };
const contents = [asked, called.candidates[0].content, { role: "user", parts: [result] }];
const answered = await client.models.generateContent({ model, contents, config: { tools } });
found.tools = [call.name, typeof call.args.city, answered.text];

const config = { responseMimeType: "application/json", responseSchema: schema };
const shaped = await client.models.generateContent({ model, contents: `A city ${mark}`, config });
found.schema = typeof JSON.parse(shaped.text).city;

found.count = (await client.models.countTokens({ model, contents: "Hello" })).totalTokens;
const embedded = await client.models.embedContent({ model: "text-embedding-3-small", contents: ["one", "two"] });
found.embeddings = embedded.embeddings.map((each) => each.values.length);
found.models = (await client.models.list()).page.length;
found.error = await client.models.generateContent({ model: "nothing", contents: "Hello" }).catch((error) => error.status);
console.log(JSON.stringify(found));
