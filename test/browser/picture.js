// Draws docs/picture.png: the pairing form, the map of centres, the demo's gate,
// a centre's display and a counter. Run it after run.sh has built out/turnike: node picture.js
import { join } from 'node:path'
import { city, launch, open, root } from './lib.js'

const demo = await city()
const { site, guide } = demo
const browser = await launch()
try {
  // Three phones, and beside them what stands and works in a centre.
  const shoot = async (url, lang, width, height, enter, scroll) => {
    const page = await open(browser, { lang, width })
    await page.setViewportSize({ width, height })
    if (enter) await page.goto(`http://${guide}/enter/${enter}`)
    if (url) await page.goto(url)
    if (enter === 'clerk') {
      await page.check('input[name=desk][value="2"]')
      await page.click('#desk-form button.t-button')
    }
    if (scroll) await page.evaluate(s => document.querySelector(s).scrollIntoView(), scroll)
    await page.waitForTimeout(400)
    const png = (await page.screenshot()).toString('base64')
    await page.context().close()
    return png
  }
  const phones = [
    await shoot(`http://${site}/istanbul/pair`, 'tr', 390, 800),
    await shoot(`http://${site}/visit/izsu/centres?service=closing`, 'ar', 390, 800, '', 'main svg.v-map, main figure'),
    await shoot(`http://${guide}/?city=istanbul&answer=open`, 'en', 390, 800),
  ]
  const rooms = [await shoot('', 'tr', 1280, 720, 'display'), await shoot('', 'tr', 1280, 720, 'clerk')]
  const page = await open(browser, { width: 2040 })
  await page.setViewportSize({ width: 2000, height: 860 })
  await page.setContent(`<style>body{margin:0;display:flex;gap:30px;padding:30px;background:#f4f1ea}img{border-radius:18px;box-shadow:0 2px 14px #0003}.p{width:390px}.r{width:677px;height:381px;margin-bottom:38px;display:block}</style>` +
    phones.map(s => `<img class=p src="data:image/png;base64,${s}">`).join('') +
    `<div>${rooms.map(s => `<img class=r src="data:image/png;base64,${s}">`).join('')}</div>`)
  await page.waitForTimeout(300)
  await page.screenshot({ path: join(root, 'docs', 'picture.png') })
} finally {
  await browser.close()
  demo.stop()
}
