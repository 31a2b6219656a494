// Starts `zswarm run` for the tests: ZSWARM_BIN (default: the release build of this clone) with ZSWARM_DEMO_MODEL.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { watch } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");
const READY_WITHIN_MS = 120_000;

export async function startServer(...flags) {
  const folder = await mkdtemp(join(tmpdir(), "zswarm-e2e-"));
  const readyFile = join(folder, "ready.json");
  const binary = process.env.ZSWARM_BIN ?? join(root, "build/release/zswarm");
  const child = spawn(binary, ["run", process.env.ZSWARM_DEMO_MODEL, "--http", "127.0.0.1:0", "--ready-out", readyFile, ...flags], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, ZSWARM_DATA: join(folder, "data") },
  });
  let log = "";
  child.stderr.on("data", (piece) => (log = (log + piece).slice(-4000)));
  const ended = new Promise((resolvePromise) => child.once("close", (code) => resolvePromise(code)));
  const http = await ready(folder, readyFile, ended, () => log);
  return {
    baseURL: `http://${http}/v1`,
    async stop() {
      child.kill("SIGTERM");
      const code = await ended;
      await rm(folder, { recursive: true, force: true });
      return code;
    },
  };
}

// Resolves with the address once the ready file is whole.
function ready(folder, readyFile, ended, log) {
  return new Promise((resolvePromise, reject) => {
    const finish = (action, value) => {
      clearTimeout(timer);
      watcher.close();
      action(value);
    };
    const look = async () => {
      const text = await readFile(readyFile, "utf8").catch(() => "");
      try {
        finish(resolvePromise, JSON.parse(text).http.replace(/^http:\/\//, "").replace(/\/$/, ""));
      } catch {
        // not there yet, or not whole
      }
    };
    const timer = setTimeout(() => finish(reject, new Error(`not ready in time: ${log()}`)), READY_WITHIN_MS);
    const watcher = watch(folder, look);
    ended.then((code) => finish(reject, new Error(`the server ended with ${code}: ${log()}`)));
    look();
  });
}
