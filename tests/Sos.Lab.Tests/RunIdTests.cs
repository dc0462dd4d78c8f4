using System;
using System.IO;
using System.Threading.Tasks;
using Xunit;

namespace Sos.Lab.Tests;

/// <summary>The remains of dead runs are told from what living ones have, and removed.</summary>
public sealed class RunIdTests
{
    // No process is as old as the machine itself but the first.
    private static readonly string Dead = $"soslab-{Environment.ProcessId}-1-1";

    [Fact]
    public void ADeadRunsNameIsStaleAndNoOther()
    {
        Assert.True(RunId.IsStale(Dead));
        Assert.False(RunId.IsStale(RunId.Next()));
        Assert.False(RunId.IsStale("soslab"));
        Assert.False(RunId.IsStale($"other-{Environment.ProcessId}-1-1"));
    }

    [Fact]
    public async Task NamespacesOfDeadRunsAreRemovedAndThoseOfLivingOnesStay()
    {
        string living = RunId.Next();
        foreach (string name in new[] { Dead, living })
        {
            (await HostProcess.RunAsync(["ip", "netns", "add", name], TimeSpan.FromSeconds(30))).EnsureSuccess();
        }

        RunId.RemoveStale();
        bool stays = File.Exists($"/run/netns/{living}");
        (await HostProcess.RunAsync(["ip", "netns", "del", living], TimeSpan.FromSeconds(30))).EnsureSuccess();
        Assert.True(stays);
        Assert.False(File.Exists($"/run/netns/{Dead}"));
    }
}
