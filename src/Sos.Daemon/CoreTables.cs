using System;
using System.Collections.Generic;
using Sos.Cores.BackEnds;
using Sos.Cores.Companions;
using Sos.Cores.Operations;
using Sos.Cores.Running;
using Sos.Cores.Services;

namespace Sos.Daemon;

/// <summary>The tables of services on real cores.</summary>
/// <param name="backEnds">The back ends.</param>
/// <param name="operations">What sosctl would call.</param>
internal sealed class CoreTables(CoreBackEnds backEnds, ServiceOperations operations) : IServiceTables
{
    private static readonly Dictionary<string, string> SameOptions = [];

    /// <inheritdoc/>
    public IReadOnlyList<string> Build(int cpu) => operations.SwapTable(cpu, SameOptions).Notes;

    /// <inheritdoc/>
    public void RenewLease(int cpu, TimeSpan length)
    {
        using ICoreReading core = backEnds.Open(cpu);
        using RunningService running = RunningService.Attach(core, CoreRecord.Read(cpu, backEnds.Folder));
        running.RenewLease(length);
    }
}
