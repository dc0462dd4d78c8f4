using System;
using System.Threading.Tasks;
using Sos.Cores;
using Sos.Cores.BackEnds;
using Sos.Cores.Plan;
using Sos.Cores.Running;

namespace Sos.Daemon;

/// <summary>A core whose service has a record: its descriptor, and what is to be done about it.</summary>
internal sealed class SupervisedCore(ICoreReading core, CoreRecord record) : IDisposable
{
    private CoreState _handled;

    /// <summary>The core.</summary>
    public ICoreReading Core { get; private set; } = core;

    /// <summary>The record of its service.</summary>
    public CoreRecord Record { get; set; } = record;

    /// <summary>When the next restart is due; null for none.</summary>
    public DateTime? Due { get; set; }

    /// <summary>A restart that is under way: null in the end when it worked, else why it did not; null without one.</summary>
    public Task<string?>? Work { get; set; }

    /// <summary>The work that goes on beside its service; null without such work, or while the service does not run.</summary>
    public FollowingWork? Following { get; set; }

    /// <summary>Its restarts so far.</summary>
    public RestartSchedule Schedule { get; } = new();

    /// <summary>Follows the same cpu anew: it may have been given back and reserved again since.</summary>
    /// <param name="core">The core as it is now.</param>
    public void Reopen(ICoreReading core)
    {
        Core.Dispose();
        Core = core;
    }

    /// <summary>Plans a restart if the service has ended, or somebody's restart of it has failed, and its policy wants it back.</summary>
    /// <param name="state">The core's state, while nobody works on it.</param>
    /// <param name="now">The time.</param>
    /// <returns>What to log, or null when nothing is new.</returns>
    public string? Note(CoreState state, DateTime now)
    {
        bool pending = state == CoreState.Reserved && Record is { RestartPending: true, Plan.Restart.Mode: not RestartMode.Never };
        bool wanted = pending || RestartSchedule.Wants(Record.Plan.Restart.Mode, state);
        if (!wanted)
        {
            // The user stopped it, or started it himself: nothing is due any more.
            Due = null;
        }

        if (state == _handled)
        {
            return null;
        }

        _handled = state;
        string what = pending ? "could not be restarted" : state == CoreState.Failed ? "failed" : "ended by itself";
        return wanted && Due is null ? Plan(what, now) : null;
    }

    /// <summary>Plans the next restart, if the limit allows it.</summary>
    /// <param name="what">What happened, for the log.</param>
    /// <param name="now">The time.</param>
    public string Plan(string what, DateTime now)
    {
        TimeSpan? delay = Schedule.Ended(Record.Plan.Restart, now);
        Due = now + delay;
        return delay is null
            ? $"{Record.Service} {what}: given up after {Schedule.Tries} restarts; 'sosctl service restart {Core.Cpu}' tries again"
            : $"{Record.Service} {what}: restart {Schedule.Tries + 1} in {delay.Value.TotalSeconds:0} s";
    }

    /// <summary>A restart is being tried: whatever state comes next is a new one.</summary>
    public void Restarting(DateTime now)
    {
        Due = null;
        _handled = default;
        Schedule.Started(now);
    }

    /// <summary>The restart failed: the state that it left is no news.</summary>
    /// <param name="state">The core's state.</param>
    /// <param name="why">Why, for the log.</param>
    /// <param name="now">The time.</param>
    /// <returns>What to log.</returns>
    public string Failed(CoreState state, string why, DateTime now)
    {
        _handled = state;
        return Plan($"could not be restarted ({why})", now);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Following?.Dispose();
        Core.Dispose();
    }
}
