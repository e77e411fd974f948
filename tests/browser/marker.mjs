// The page's marker code (its file is the argument) on data from standard input: {"stamp": [numbers],
// "read": [[levels, …], …], "inFlight": [numbers]}.
import { readFile } from "node:fs/promises";

// As data, because Node takes a file of this name for an older kind of script.
const code = await readFile(process.argv[2], "utf8");
const { pixels, read, readHard } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
let text = "";
for await (const chunk of process.stdin) text += chunk;
const given = JSON.parse(text);
console.log(JSON.stringify({
  stamped: given.stamp.map((seq) => [...pixels(seq)].filter((_, i) => i % 4 === 0)),
  read: given.read.map((corner) => {
    const data = Uint8ClampedArray.from(corner.flatMap((level) => [level, level, level, 255]));
    return { hard: readHard(data), soft: read(data, given.inFlight) };
  }),
}));
