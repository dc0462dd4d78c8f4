using System;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Sos.Sdk.Control;
using Sos.Sdk.Time;

namespace Sos.Sdk.Services;

/// <summary>
/// Rests a service while there is nothing to do. Spinning answers at once and burns the core; the others give power, and the SMT
/// sibling, a rest, and answer within a bound. Parameters "idle" (spin, pause, tpause) and "idle-bound-ns".
/// </summary>
public unsafe struct IdleWait
{
    /// <summary>The wake-up bound, unless "idle-bound-ns" says otherwise.</summary>
    public const ulong DefaultBoundNs = 1000;

    private readonly ulong _boundTicks;
    private readonly Mode _mode;

    private IdleWait(Mode mode, ulong boundTicks)
    {
        _mode = mode;
        _boundTicks = boundTicks;
    }

    private enum Mode : byte
    {
        Spin,
        Pause,
        TimedPause,
    }

    /// <summary>Reads the parameters.</summary>
    /// <returns>False when one cannot be honoured.</returns>
    public static bool TryCreate(ref ServiceSetup setup, out IdleWait idle)
    {
        idle = default;
        ulong boundNs = DefaultBoundNs;
        if (setup.Parameters.TryFind("idle-bound-ns"u8, out _) && !setup.Parameters.TryGetUInt64("idle-bound-ns"u8, out boundNs))
        {
            return false;
        }

        Mode mode = Mode.Spin;
        if (setup.Parameters.TryFind("idle"u8, out ReadOnlySpan<byte> name) && !name.SequenceEqual("spin"u8))
        {
            bool timed = name.SequenceEqual("tpause"u8);
            bool can = timed ? (setup.Control->Isa & InstructionSets.WaitPkg) != 0 : name.SequenceEqual("pause"u8);
            if (!can)
            {
                return false;
            }

            mode = timed ? Mode.TimedPause : Mode.Pause;
        }

        idle = new IdleWait(mode, setup.Clock.TicksFromNanoseconds(boundNs));
        return true;
    }

    /// <summary>Waits, for the bound at most and not beyond a deadline.</summary>
    /// <param name="deadline">The TSC at which there is something to do.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Wait(ulong deadline)
    {
        if (_mode != Mode.Spin)
        {
            Rest(deadline);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private readonly void Rest(ulong deadline)
    {
        ulong end = Tsc.Read() + _boundTicks;
        end = deadline < end ? deadline : end;
        while (Tsc.Read() < end)
        {
            if (_mode == Mode.TimedPause)
            {
                Tsc.PauseUntil(end);
            }
            else
            {
                X86Base.Pause();
            }
        }
    }
}
