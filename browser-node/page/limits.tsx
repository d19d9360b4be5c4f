/** What the owner allows. Every change goes to the tab's node at once; the view shows what it took. */
import { LIMIT_BOUNDS, type TabLimits, type TabView } from '../tab-contract.ts'
import { Card } from './card.tsx'
import type { Commands } from './commands.ts'
import { NumberField, Range, Switch } from './fields.tsx'
import { minutesAsTime, timeAsMinutes } from './format.ts'
import { strings } from './strings.ts'

interface LimitsProps {
  readonly view: TabView
  readonly commands: Commands
}

const words = strings.limits
const INTENSITY_STEP = 5
/** What a switch begins with: the night, and a handful of units. */
const FIRST_HOURS = { fromMin: 22 * 60, toMin: 7 * 60 }
const FIRST_STOP_AFTER = 20

export function Limits({ view: { limits }, commands: { setLimits } }: LimitsProps) {
  return (
    <Card id="limits" title={words.title} note={words.text}>
      <div class="fields">
        <Range
          label={words.intensity}
          value={limits.intensityPercent}
          {...LIMIT_BOUNDS.intensityPercent}
          step={INTENSITY_STEP}
          text={words.intensityText(limits.intensityPercent)}
          set={(intensityPercent) => setLimits({ intensityPercent })}
        />
        <Switch label={words.cpu} on={limits.cpu} set={(cpu) => setLimits({ cpu })} />
        <Switch label={words.gpu} on={limits.gpu} set={(gpu) => setLimits({ gpu })} />
        <Switch
          label={words.largeModels}
          on={limits.largeModels}
          set={(largeModels) => setLimits({ largeModels })}
        />
        <Switch
          label={words.battery}
          on={limits.pauseOnBattery}
          set={(pauseOnBattery) => setLimits({ pauseOnBattery })}
        />
        <Switch
          label={words.metered}
          on={limits.pauseOnMetered}
          set={(pauseOnMetered) => setLimits({ pauseOnMetered })}
        />
        <NumberField
          label={words.memory}
          value={limits.memoryMb}
          {...LIMIT_BOUNDS.memoryMb}
          set={(memoryMb) => setLimits({ memoryMb })}
        />
        <NumberField
          label={words.download}
          value={limits.downloadMbPerDay}
          {...LIMIT_BOUNDS.downloadMbPerDay}
          set={(downloadMbPerDay) => setLimits({ downloadMbPerDay })}
        />
        <NumberField
          label={words.cache}
          value={limits.cacheMb}
          {...LIMIT_BOUNDS.cacheMb}
          set={(cacheMb) => setLimits({ cacheMb })}
        />
        <Schedule limits={limits} setLimits={setLimits} />
        <StopAfter limits={limits} setLimits={setLimits} />
      </div>
    </Card>
  )
}

interface PartProps {
  readonly limits: TabLimits
  readonly setLimits: Commands['setLimits']
}

function Schedule({ limits: { schedule }, setLimits }: PartProps) {
  return (
    <>
      <Switch
        label={words.schedule}
        on={schedule !== null}
        set={(on) => setLimits({ schedule: on ? FIRST_HOURS : null })}
      />
      {schedule === null ? null : (
        <fieldset class="hours">
          <legend class="spoken">{words.schedule}</legend>
          <TimeField
            label={words.from}
            minutes={schedule.fromMin}
            set={(fromMin) => setLimits({ schedule: { ...schedule, fromMin } })}
          />
          <TimeField
            label={words.to}
            minutes={schedule.toMin}
            set={(toMin) => setLimits({ schedule: { ...schedule, toMin } })}
          />
          {schedule.fromMin > schedule.toMin ? (
            <span class="note">{words.overMidnight}</span>
          ) : null}
        </fieldset>
      )}
    </>
  )
}

interface TimeFieldProps {
  readonly label: string
  readonly minutes: number
  readonly set: (minutes: number) => void
}

function TimeField({ label, minutes, set }: TimeFieldProps) {
  return (
    <label class="time">
      <span>{label}</span>
      <input
        type="time"
        required
        value={minutesAsTime(minutes)}
        onChange={(event) => {
          const read = timeAsMinutes(event.currentTarget.value)
          if (read !== null) set(read)
        }}
      />
    </label>
  )
}

function StopAfter({ limits: { stopAfterUnits }, setLimits }: PartProps) {
  return (
    <>
      <Switch
        label={words.stopAfter}
        on={stopAfterUnits !== null}
        set={(on) => setLimits({ stopAfterUnits: on ? FIRST_STOP_AFTER : null })}
      />
      {stopAfterUnits === null ? null : (
        <NumberField
          label={words.stopAfterUnits}
          value={stopAfterUnits}
          {...LIMIT_BOUNDS.stopAfterUnits}
          set={(units) => setLimits({ stopAfterUnits: units })}
        />
      )}
    </>
  )
}
