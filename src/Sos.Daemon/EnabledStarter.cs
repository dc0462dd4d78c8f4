using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using Sos.Cores;
using Sos.Cores.Enabled;
using Sos.Cores.Operations;
using Sos.Cores.Plan;

namespace Sos.Daemon;

/// <summary>
/// Starts the services that are enabled, once after each boot: in their order, each as soon as its devices are there. One that fails holds up no
/// other, and is tried again by its restart policy.
/// </summary>
/// <param name="services">Their files.</param>
/// <param name="start">Starts one; returns what a person should know.</param>
/// <param name="log">Takes a line for each thing that is done.</param>
/// <param name="stateFolder">Where their states are kept.</param>
internal sealed class EnabledStarter(
    EnabledServices services, Func<EnabledService, IReadOnlyList<string>> start, Action<string> log, string stateFolder)
{
    /// <summary>The longest time that services hold the network back whose devices do not come.</summary>
    public static readonly TimeSpan NetworkPatience = TimeSpan.FromSeconds(30);

    private readonly SortedDictionary<string, Pending> _pending = new(StringComparer.Ordinal);
    private DateTime _begun;
    private Pending? _current;
    private Task<IReadOnlyList<string>>? _work;

    /// <summary>Finds what is to be started. Only the first sosd after a boot takes in the folder: what is enabled later is for the next boot.</summary>
    public void Begin(DateTime now)
    {
        _begun = now;
        IReadOnlyDictionary<string, EnabledState>? states = EnabledState.ReadAll(stateFolder);
        Directory.CreateDirectory(stateFolder);
        foreach (EnabledEntry entry in services.List())
        {
            EnabledProgress? progress = states is null ? EnabledProgress.Waiting : states.GetValueOrDefault(entry.Name)?.Progress;
            if (progress is EnabledProgress.Waiting or EnabledProgress.Failed)
            {
                Take(entry, now);
            }
        }
    }

    /// <summary>Whether the network need not wait (any longer) for a service that is to be started before it.</summary>
    public bool NetworkMayCome(DateTime now)
        => now - _begun >= NetworkPatience || !_pending.Values.Any(pending => pending.Service.BeforeNetwork && !pending.WasTried);

    /// <summary>Starts the next service whose time has come, unless one is being started.</summary>
    public void Look(DateTime now)
    {
        if (_work is { IsCompleted: false })
        {
            return;
        }

        Conclude(now);
        foreach (Pending pending in _pending.Values.Where(pending => pending.Due <= now)
            .OrderBy(pending => pending.Service.Order).ThenBy(pending => pending.Service.Name, StringComparer.Ordinal))
        {
            IReadOnlyList<string> missing = EnabledOperations.MissingDevices(pending.Service);
            if (missing.Count == 0)
            {
                // Building a table may take minutes: services that run are watched meanwhile.
                pending.Schedule.Started(now);
                _current = pending;
                _work = Task.Run(() => start(pending.Service));
                return;
            }

            pending.Say(EnabledProgress.Waiting, $"waits for {string.Join(", ", missing)}", stateFolder);
        }
    }

    /// <summary>Waits until the start that is under way has come to its end.</summary>
    public void Finish(DateTime now)
    {
        Task.WaitAny([_work ?? Task.CompletedTask]);
        Conclude(now);
    }

    private void Take(EnabledEntry entry, DateTime now)
    {
        if (entry.Service is { } service)
        {
            Pending pending = new(service, now);
            _pending.Add(entry.Name, pending);
            pending.Say(EnabledProgress.Waiting, "", stateFolder);
            return;
        }

        log($"{entry.Name}: not started ({entry.Error!.Message})");
        new EnabledState(EnabledProgress.GivenUp, DateTimeOffset.UtcNow, entry.Error.Message).Write(entry.Name, stateFolder);
    }

    /// <summary>Takes note of how the last start ended.</summary>
    private void Conclude(DateTime now)
    {
        if (_work is not { } work || _current is not { } pending)
        {
            return;
        }

        (_work, _current) = (null, null);
        pending.WasTried = true;
        if (work.IsCompletedSuccessfully)
        {
            _pending.Remove(pending.Service.Name);
            pending.Say(EnabledProgress.Started, string.Join("; ", work.Result), stateFolder);
            log($"{pending.Service.Name}: started on core {pending.Service.Core}{string.Concat(work.Result.Select(note => "; " + note))}");
            return;
        }

        Failed(pending, Explain(work.Exception!.GetBaseException()), now);
    }

    private static string Explain(Exception e)
        => string.Join("; ", [e.Message, .. e is SosException refused ? refused.Notes : []]).ReplaceLineEndings("; ");

    private void Failed(Pending pending, string why, DateTime now)
    {
        RestartPolicy policy = pending.Service.Plan.Restart;
        TimeSpan? delay = policy.Mode == RestartMode.Never ? null : pending.Schedule.Ended(policy, now);
        string next = delay is { } wait ? $"next try in {wait.TotalSeconds:0} s" : $"'sosctl service start {pending.Service.Core} ...' starts it by hand";
        log($"{pending.Service.Name}: could not be started ({why}); {next}");
        pending.Say(delay is null ? EnabledProgress.GivenUp : EnabledProgress.Failed, why, stateFolder);
        pending.Due = now + delay;
        if (delay is null)
        {
            _pending.Remove(pending.Service.Name);
        }
    }

    /// <summary>A service that was not started yet.</summary>
    private sealed class Pending(EnabledService service, DateTime due)
    {
        private EnabledState? _said;

        public EnabledService Service => service;

        public RestartSchedule Schedule { get; } = new();

        /// <summary>When its next start is due; null for none.</summary>
        public DateTime? Due { get; set; } = due;

        /// <summary>Whether one start has come to its end.</summary>
        public bool WasTried { get; set; }

        public void Say(EnabledProgress progress, string text, string folder)
        {
            if (_said?.Progress != progress || _said.Text != text)
            {
                _said = new EnabledState(progress, DateTimeOffset.UtcNow, text);
                _said.Write(service.Name, folder);
            }
        }
    }
}
