// What the suites share: a server, a browser, a page, and where pictures go.
import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import AxeBuilder from '@axe-core/playwright'
import { chromium } from 'playwright-core'

const here = dirname(fileURLToPath(import.meta.url))
export const root = join(here, '..', '..')
export const out = join(here, 'out')
mkdirSync(out, { recursive: true })

export const languages = ['tr', 'en', 'ar']
export const widths = [360, 1280]

// start runs a program of ours and resolves with the first http address it
// prints. stop ends that program and nothing else.
export function start(command, args, { wait = 120_000 } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    const timer = setTimeout(() => { child.kill(); reject(new Error(`no address after ${wait} ms: ${said}`)) }, wait)
    const listen = chunk => {
      said += chunk
      const m = said.match(/https?:\/\/127\.0\.0\.1:\d+/)
      if (m) { clearTimeout(timer); resolve({ url: m[0], said: () => said, stop: () => child.kill('SIGTERM') }) }
    }
    child.stdout.on('data', listen)
    child.stderr.on('data', listen)
    child.on('exit', code => { clearTimeout(timer); reject(new Error(`ended with ${code}: ${said}`)) })
  })
}

// free is an address on this machine that nobody listens on.
export const free = () => new Promise((resolve, reject) => {
  const s = createServer().on('error', reject).listen(0, '127.0.0.1', () => {
    const { port } = s.address()
    s.close(() => resolve('127.0.0.1:' + port))
  })
})

// city starts `turnike demo` and resolves once its guide answers.
export async function city() {
  const [site, outside, guide] = [await free(), await free(), await free()]
  const demo = await start(process.env.TURNIKE_BIN ?? join(out, 'turnike'),
    ['demo', '--listen', site, '--outside', outside, '--guide', guide, '--at', '2021-01-13T09:00'])
  for (let i = 0; !(await fetch(`http://${guide}/`).then(a => a.ok, () => false)); i++) {
    if (i === 100) throw new Error(demo.said())
    await new Promise(r => setTimeout(r, 100))
  }
  return { site, outside, guide, stop: demo.stop }
}

// guide serves the style guide from a binary that run.sh has built.
export const guide = () => start(process.env.GUIDE_BIN ?? join(here, 'out', 'guide'), [])

export const launch = (more = []) => chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [...more, '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
})

// open makes a page in a fresh profile.
export async function open(browser, { lang = 'tr', width = 360, dark = false, script = true, ...more } = {}) {
  const context = await browser.newContext({
    viewport: { width, height: 800 }, locale: lang, javaScriptEnabled: script,
    colorScheme: dark ? 'dark' : 'light', ...more,
  })
  context.setDefaultTimeout(15_000)
  return context.newPage()
}

// violations runs axe with the WCAG 2.2 AA rules and good practice, and returns
// one line per finding.
export async function violations(page) {
  const found = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']).analyze()
  return found.violations.map(v => `${v.id}: ${v.help}: ${v.nodes.map(n => n.target.join(' ')).join(', ')}`)
}

// overflow is how many pixels the page is wider than its window: nobody should
// have to push a page sideways to read it.
export const overflow = page => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
