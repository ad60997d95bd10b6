// Builds internal/web/assets: ltr.css and rtl.css, staff-ltr.css and
// staff-rtl.css from the SCSS beside this file (compile, drop what no page uses, rename the borrowed prefix, turn over
// for Arabic, minify), page.js, and the QR reader. Also writes built.sum, the digest of all sources, which a
// Go test compares so that a changed source with an unbuilt sheet is noticed.
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import postcss from 'postcss'
import rtlcss from 'rtlcss'
import * as sass from 'sass'
import { transform } from 'lightningcss'
import * as esbuild from 'esbuild'

const here = dirname(fileURLToPath(import.meta.url))
const out = join(here, '..', 'internal', 'web', 'assets')

// Variants of borrowed components that no page of ours shows.
const unused = [
  /--(xl|l|m|s)\b/, /inverse/, /button--start|start-icon/, /exit-this-page/,
  /--small/, /conditional/, /summary-card/, /input--(width-(3|5|10|20|30)|extra)/,
  /__(prefix|suffix)|input__wrapper/, /--no-(border|actions)/, /label-wrapper/,
  /fieldset__heading/, /focused-element/, /actions-list/, /details__summary/,
]

// The oldest browsers whose look we care for; older ones show the page plain.
// A version is its major number, shifted as lightningcss wants it.
const phones = { chrome: 60 << 16, android: 60 << 16, samsung: 8 << 16, firefox: 60 << 16, safari: 11 << 16, ios_saf: 11 << 16 }

const tidy = {
  postcssPlugin: 'turnike-tidy',
  Rule(rule) {
    const kept = rule.selectors.filter(s => !unused.some(u => u.test(s)))
    if (kept.length === 0) rule.remove()
    else if (kept.length < rule.selectors.length) rule.selectors = kept
  },
  Declaration(d) {
    if (/font-smoothing/.test(d.prop)) { d.remove(); return }
    // The fallbacks repeat each colour at every use; every browser that can
    // open our TLS knows custom properties.
    d.value = d.value.replace(/var\((--govuk-[\w-]+), *#[0-9a-f]+\)/g, 'var($1)')
  },
  AtRule(a) {
    if (a.name === 'media' && /-ms-high-contrast|-webkit-min-device/.test(a.params)) {
      a.params = a.params.split(',').filter(p => !/-ms-|-webkit-/.test(p)).join(',')
    }
    if (a.name === 'supports' && /not \(text-wrap/.test(a.params)) a.remove()
  },
  OnceExit(root) {
    root.walkAtRules(a => { if (a.nodes && a.nodes.length === 0) a.remove() })
  },
}

// Two sheets: what every page wears, and what staff pages and screens wear over
// it, so that a citizen's phone never carries the counters' rules.
const sheet = (file, prefix, notice) => {
  const compiled = sass.compile(join(here, file), { loadPaths: [here] }).css
  const plain = postcss([tidy]).process(compiled, { from: undefined }).css.replaceAll('govuk-', 't-')
  for (const [dir, css] of [['ltr', plain], ['rtl', rtlcss.process(plain)]]) {
    const name = prefix + dir
    const { code } = transform({ filename: name, code: Buffer.from(css), minify: true, targets: phones })
    const text = notice + code.toString() + '\n'
    writeFileSync(join(out, name + '.css'), text)
    console.log(`${name}.css ${text.length} bytes, ${gzipSync(text, { level: 9 }).length} gzipped`)
  }
}
sheet('turnike.scss', '', '/*! Turnike, Apache-2.0. Form components after govuk-frontend, MIT, (c) Crown copyright (Government Digital Service). */\n')
sheet('staff.scss', 'staff-', '/*! Turnike, Apache-2.0. */\n')

const small = (file, text) => {
  writeFileSync(join(out, file), text)
  console.log(`${file} ${text.length} bytes, ${gzipSync(text, { level: 9 }).length} gzipped`)
}
const minify = file => esbuild.transformSync(readFileSync(join(here, file), 'utf8'), { minify: true, target: 'es2017' }).code
small('page.js', minify('page.js').trim())
small('jsqr.js', '/*! jsQR, Apache-2.0, (c) Cozmo */\n' + minify('node_modules/jsqr/dist/jsQR.js'))

const sum = createHash('sha256')
for (const f of readdirSync(here).filter(f => /^page\.js$|\.(scss|mjs)$|^package-lock\.json$/.test(f)).sort()) {
  sum.update(f + '\0').update(readFileSync(join(here, f)))
}
writeFileSync(join(out, 'built.sum'), sum.digest('hex') + '\n')
