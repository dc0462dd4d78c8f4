using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.CompilerServices;
using Sos.RemoteConsole.Control;
using Sos.RemoteConsole.Linux;
using Sos.Sdk.Testing;
using Xunit;

namespace Sos.RemoteConsole.Tests;

/// <summary>Linux gives signs of life and seeds; each seed is taken once and does not stay.</summary>
public sealed unsafe class LinuxPageTests
{
    [Fact]
    public void ASeedIsTakenOnceAndErased()
    {
        using SshVisitor visitor = new();
        using ServiceHarness<ConsoleService> harness = new(new HarnessOptions
        {
            Ports = ["nic"],
            HostPorts = ["nic"],
            SharedMemory = [(int)LinuxPage.Size],
            Parameters = $"address=00000000000000000000ffff0a4d0909/128\nseed=000102030405060708090a0b0c0d0e0f\n{visitor.Parameters()}\n",
        });
        Assert.Equal(0, harness.Start());
        harness.Maintain();
        LinuxPage* page = (LinuxPage*)harness.SharedMemory(0);
        Assert.True(Unsafe.SizeOf<LinuxPage>() <= (int)LinuxPage.Size);
        LinuxPageWriter.Write(page);
        Assert.NotEqual(new byte[LinuxPage.SeedSize], Seed(page));
        harness.Poll();
        Assert.Equal(1ul, harness.Counter("console.reseeded"));
        Assert.Equal(new byte[LinuxPage.SeedSize], Seed(page));
        Assert.Equal(page->Seeds, page->Taken);

        // The next one comes a minute later, and never before this one was taken.
        List<ulong> seeds = [];
        for (int i = 0; i < 119; i++)
        {
            LinuxPageWriter.Write(page);
            seeds.Add(page->Seeds);
        }

        Assert.Equal(2ul, seeds.Max());
        harness.Poll();
        Assert.Equal(2ul, harness.Counter("console.reseeded"));
        LinuxPageWriter.Write(page);
        harness.Poll();
        Assert.Equal(3ul, harness.Counter("console.reseeded"));
        Assert.Equal(121ul, page->Beats);
    }

    private static byte[] Seed(LinuxPage* page) => ((ReadOnlySpan<byte>)page->Seed).ToArray();
}
