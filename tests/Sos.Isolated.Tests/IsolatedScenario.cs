using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using Sos.Cores;
using Xunit;

[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Sos.Isolated.Tests;

/// <summary>The parts of every scenario: a cpu to fence off, the last one, and the check that it is Linux's again at the end.</summary>
public abstract class IsolatedScenario : IDisposable
{
    protected IsolatedScenario()
    {
        Cpu = new CpuTopology().List().Last(cpu => cpu.Online).Id;
        Assert.True(Cpu > 0, "these tests need two cpus");

        // Of a run that was ended.
        _ = Command.Sosctl("core", "release", $"{Cpu}");
    }

    protected int Cpu { get; }

    public void Dispose()
    {
        _ = Command.Sosctl("core", "release", $"{Cpu}");
        Assert.Equal("linux", Core().GetProperty("owner").GetString());
        Clean();
        GC.SuppressFinalize(this);
    }

    /// <summary>Removes what the scenario made.</summary>
    protected virtual void Clean()
    {
    }

    /// <summary>Reserves the cpu. Runtimes bind threads to each cpu, also those of other tests: hence the force.</summary>
    protected void Reserve(params IEnumerable<string> options)
        => Command.Sosctl(["core", "reserve", $"{Cpu}", "--isolated", "--force", .. options]).Succeeded();

    protected JsonElement Core() => Command.SosctlJson(null, "core", "list").Succeeded().Json.GetProperty("cores").EnumerateArray()
        .First(core => core.GetProperty("cpu").GetInt32() == Cpu);

    protected JsonElement Status() => Command.SosctlJson(null, "service", "status", $"{Cpu}").Succeeded().Json;

    protected string State() => Status().GetProperty("state").GetString()!;
}
