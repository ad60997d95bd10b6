// Draws docs/picture.png: the pairing form in Turkish and in Arabic, and the
// demo's gate. Run it after run.sh has built out/turnike: node picture.js
import { createServer } from 'node:net'
import { join } from 'node:path'
import { launch, open, out, root, start } from './lib.js'

const free = () => new Promise(resolve => {
  const s = createServer().listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => resolve('127.0.0.1:' + port)) })
})
const [site, outside, guide] = [await free(), await free(), await free()]
const demo = await start(join(out, 'turnike'), ['demo', '--listen', site, '--outside', outside, '--guide', guide, '--at', '2021-01-13T09:00'])
const browser = await launch()
try {
  for (let i = 0; i < 100 && !(await fetch(`http://${guide}/`).then(a => a.ok, () => false)); i++) await new Promise(r => setTimeout(r, 100))
  const shots = []
  for (const [url, lang] of [[`http://${site}/istanbul/pair`, 'tr'], [`http://${site}/istanbul/pair`, 'ar'], [`http://${guide}/?city=istanbul&answer=open`, 'en']]) {
    const page = await open(browser, { lang, width: 390 })
    await page.goto(url)
    shots.push((await page.screenshot()).toString('base64'))
    await page.context().close()
  }
  const page = await open(browser, { width: 1290 })
  await page.setViewportSize({ width: 1290, height: 860 })
  await page.setContent(`<style>body{margin:0;display:flex;gap:30px;padding:30px;background:#f4f1ea}img{width:390px;border-radius:18px;box-shadow:0 2px 14px #0003}</style>` +
    shots.map(s => `<img src="data:image/png;base64,${s}">`).join(''))
  await page.waitForTimeout(300)
  await page.screenshot({ path: join(root, 'docs', 'picture.png') })
} finally {
  await browser.close()
  demo.stop()
}
