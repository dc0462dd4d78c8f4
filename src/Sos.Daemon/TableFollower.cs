using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using Sos.Cores;
using Sos.Cores.Companions;
using Sos.Cores.Running;

namespace Sos.Daemon;

/// <summary>
/// Keeps a table up to date whose source changes by itself. It renews the table's lease as long as nothing changes; after a change it stops
/// until the service has the new table. So whatever goes wrong, here or before, the old table is used for no longer than a lease.
/// </summary>
internal sealed class TableFollower : IDisposable
{
    /// <summary>The longest that a table is used after its source changed.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromMilliseconds(600);

    /// <summary>Between renewals: two may be late before a lease ends.</summary>
    public static readonly TimeSpan Round = TimeSpan.FromMilliseconds(200);

    private readonly CoreRecord _record;
    private readonly ITableWatch _watch;
    private readonly IServiceTables _tables;
    private readonly Action<string> _log;
    private readonly CancellationTokenSource _end = new();
    private readonly Thread _thread;
    private bool _isFresh;
    private string? _trouble;

    internal TableFollower(CoreRecord record, ITableWatch watch, IServiceTables tables, Action<string> log)
    {
        _record = record;
        _watch = watch;
        _tables = tables;
        _log = log;
        _thread = new Thread(Run) { IsBackground = true, Name = $"table of core {record.Cpu}", Priority = ThreadPriority.Highest };
    }

    /// <summary>Starts one for a service whose companion watches its table's source.</summary>
    /// <returns>Null where there is nothing to follow.</returns>
    public static TableFollower? TryStart(CoreRecord record, CompanionCatalogue companions, IServiceTables tables, Action<string> log)
    {
        try
        {
            if (record.RestartPending || companions.Find(record.Service)?.Watch(record.Plan) is not { } watch)
            {
                return null;
            }

            TableFollower follower = new(record, watch, tables, log);
            follower._thread.Start();
            return follower;
        }
        catch (SosException e)
        {
            log($"cannot follow what its table is made of, so that it passes everything: {e.Message}");
            return null;
        }
    }

    /// <summary>Whether this is about the service that a record tells of.</summary>
    public bool IsFor(CoreRecord record)
        => record.Started == _record.Started && record.Plan.Options.Order().SequenceEqual(_record.Plan.Options.Order());

    /// <inheritdoc/>
    public void Dispose()
    {
        _end.Cancel();
        if ((_thread.ThreadState & ThreadState.Unstarted) == 0)
        {
            _thread.Join();
        }

        _watch.Dispose();
        _end.Dispose();
    }

    /// <summary>Waits for a change for one round, and does what is due.</summary>
    internal void Turn()
    {
        // What a burst of changes leaves is one new table: only when they pause is it built.
        _isFresh &= !_watch.Wait(Round);
        try
        {
            if (!_isFresh)
            {
                _isFresh = true; // Before the table is built: what changes meanwhile shows in the next round.
                Note(_tables.Build(_record.Cpu));
            }

            _tables.RenewLease(_record.Cpu, Lease);
            _trouble = null;
        }
        catch (Exception e) when (e is SosException or IOException or UnauthorizedAccessException)
        {
            _isFresh = false;
            if (_trouble != e.Message)
            {
                _log($"its table cannot be kept up to date, so that it passes everything: {e.Message.ReplaceLineEndings("; ")}");
            }

            _trouble = e.Message;
        }
    }

    private void Run()
    {
        while (!_end.IsCancellationRequested)
        {
            Turn();
        }
    }

    private void Note(IReadOnlyList<string> notes)
    {
        foreach (string note in notes)
        {
            _log(note.ReplaceLineEndings("; "));
        }
    }
}

/// <summary>What a follower does with the table of a running service.</summary>
internal interface IServiceTables
{
    /// <summary>Builds the table anew and has the service switch to it.</summary>
    /// <returns>What a person should know.</returns>
    IReadOnlyList<string> Build(int cpu);

    /// <summary>Renews the lease of the service's table.</summary>
    void RenewLease(int cpu, TimeSpan length);
}
