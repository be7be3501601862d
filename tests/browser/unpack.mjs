// Unpacks what the package of a browser carries, from one folder into another: each file *.br, and the archives among them.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliDecompressSync } from "node:zlib";

const [from, to] = process.argv.slice(2);
for (const name of readdirSync(from).filter((name) => name.endsWith(".br"))) {
  const bytes = brotliDecompressSync(readFileSync(join(from, name)));
  const plain = join(to, name.slice(0, -3));
  if (!plain.endsWith(".tar")) {
    writeFileSync(plain, bytes, { mode: 0o755 });
    continue;
  }
  const { status, stderr } = spawnSync("tar", ["-x", "-C", to], { input: bytes });
  if (status !== 0) throw new Error(String(stderr));
}
// The archive's own names folders of another machine.
writeFileSync(
  join(to, "fonts.conf"),
  '<?xml version="1.0"?><fontconfig><dir prefix="relative">fonts</dir><cachedir prefix="xdg">fontconfig</cachedir></fontconfig>',
);
