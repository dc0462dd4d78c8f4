using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Sos.Cores.Enabled;
using Sos.Cores.Plan;
using Xunit;

namespace Sos.Cores.Tests.Enabled;

public sealed class EnabledServicesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sos-enabled").FullName;
    private readonly EnabledServices _services;

    public EnabledServicesTests() => _services = new EnabledServices(_folder);

    private static EnabledService Whole { get; } = new()
    {
        Name = "edge",
        Core = 3,
        BackEnd = BackEndKind.Isolated,
        CoreOptions = new CoreOptions(ShareCore: true, CorePerformance.Fixed, ResctrlClass: 3),
        ForceCore = true,
        BeforeNetwork = true,
        Order = 7,
        Plan = new ServicePlan
        {
            Image = "/usr/lib/sos/router \"new\".sosimg",
            Ports =
            [
                new PortPlan { Name = "wan", Device = "eth0", HostPort = "inside", Force = true, BusyPoll = true, Open = true },
                new PortPlan { Name = "lan", Device = "0000:00:04.0", HasHostPort = false },
            ],
            Options = new Dictionary<string, string> { ["rules"] = "/etc/nftables.conf" },
            Parameters = new Dictionary<string, string> { ["vlan"] = "accept", ["an odd=name"] = "tab\there" },
            ArenaSize = 1 << 20,
            PacketMemorySize = 2 << 20,
            TableSlotSize = 3 << 20,
            ForceUnconfined = true,
            Scheduling = SchedulingWish.Fifo,
            Watchdog = TimeSpan.FromSeconds(5),
            Restart = new RestartPolicy(RestartMode.OnFault, 3),
        },
    };

    [Fact]
    public void WhatIsWrittenIsReadAgain()
    {
        _services.Write(Whole);
        AssertSame(Whole, _services.Read("edge"));

        EnabledService least = new() { Name = "least", Core = 1, Plan = new ServicePlan { Image = "/a.sosimg" } };
        _services.Write(least);
        AssertSame(least, _services.Read("least"));
    }

    [Fact]
    public void TheListIsInTheOrderOfStartsAndTellsOfBadFiles()
    {
        foreach ((string name, int order) in (ReadOnlySpan<(string, int)>)[("b", 50), ("a", 50), ("z", 1)])
        {
            _services.Write(Whole with { Name = name, Order = order });
        }

        File.WriteAllText(Path.Combine(_folder, "broken.toml"), "core = ");
        File.WriteAllText(Path.Combine(_folder, "notes.txt"), "not ours");
        IReadOnlyList<EnabledEntry> list = _services.List();
        Assert.Equal(["z", "a", "b", "broken"], list.Select(entry => entry.Name));
        Assert.NotNull(list[^1].Error);
        Assert.Empty(new EnabledServices(Path.Combine(_folder, "none")).List());
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(EnabledService.OrderMax + 1)]
    public void NothingIsWrittenThatCouldNotBeRead(int order)
    {
        Assert.Contains("order wants", Assert.Throws<SosException>(() => _services.Write(Whole with { Order = order })).Message, StringComparison.Ordinal);
        Assert.Empty(_services.List());
    }

    [Fact]
    public void AFileWithAMistakeIsFoundAndOneThatIsNotThereIsNot()
    {
        File.WriteAllText(Path.Combine(_folder, "x.toml"), "core = ");
        Assert.NotNull(_services.Find("x").Error);
        Assert.Equal(SosError.NotFound, Assert.Throws<SosException>(() => _services.Find("y")).Error);
    }

    [Theory]
    [InlineData("core = 1\nimage = \"/a\"\nordr = 2\n", ":3: there is no key ordr; did you mean order?")]
    [InlineData("core = 1\nimage = \"/a\"\n[ports.wan]\ndevise = \"eth0\"\n", ":4: there is no key ports.wan.devise; did you mean device?")]
    [InlineData("core = 1\nimage = \"/a\"\n[restart]\nmode = \"sometimes\"\n", ":4: restart.mode wants \"never\" or \"on-fault\" or \"always\"")]
    [InlineData("image = \"/a\"\n", ": core is missing")]
    [InlineData("core = 1\n", ": image is missing")]
    [InlineData("core = 1\nimage = \"a.sosimg\"\n", "depends on a current folder")]
    [InlineData("core = -1\nimage = \"/a\"\n", ":1: core wants a whole number")]
    [InlineData("core = \"1\"\nimage = \"/a\"\n", ":1: core wants a whole number")]
    [InlineData("core = 1\ncore = 2\nimage = \"/a\"\n", ":2:")]
    [InlineData("core = 1\nimage = 5\n", ":2: image wants a text in quotes")]
    [InlineData("core = 1\nimage = \"/a\"\nbefore-network = \"yes\"\n", ":3: before-network wants true or false")]
    [InlineData("core = 1\nimage = \"/a\"\n[[ports]]\n", ":3: arrays of tables")]
    [InlineData("core = 1\nimage = \"/a\"\n[ports.WAN]\ndevice = \"eth0\"\n", "[ports.WAN] is none")]
    [InlineData("core = 1\nimage = \"/a\"\n[parameters]\nvlan = 1\n", ":4: parameters.vlan wants a text in quotes")]
    [InlineData("core = 1\nimage = \"/a\"\nresctrl-class = 65536\n", ":3: resctrl-class wants a whole number")]
    [InlineData("core = 1 image", ":1:")]
    public void EachMistakeIsToldWithItsLine(string text, string message)
    {
        File.WriteAllText(Path.Combine(_folder, "x.toml"), text);
        SosException refused = Assert.Throws<SosException>(() => _services.Read("x"));
        Assert.StartsWith(Path.Combine(_folder, "x.toml"), refused.Message, StringComparison.Ordinal);
        Assert.Contains(message, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void InlineTablesAndDottedKeysAreTablesToo()
    {
        File.WriteAllText(Path.Combine(_folder, "x.toml"), "core = 1\nimage = \"/a\"\nports = { wan = { device = \"eth1\" } }\nrestart.mode = \"always\"\n");
        EnabledService service = _services.Read("x");
        Assert.Equal(("wan", "eth1"), (service.Plan.Ports[0].Name, service.Plan.Ports[0].Device));
        Assert.Equal(RestartMode.Always, service.Plan.Restart.Mode);
    }

    [Theory]
    [InlineData("")]
    [InlineData("../etc")]
    [InlineData(".hidden")]
    [InlineData("a b")]
    public void NamesThatAreNoFilesAreRefused(string name) => Assert.Equal(SosError.Usage, Assert.Throws<SosException>(() => _services.Read(name)).Error);

    [Fact]
    public void WhatIsNotThereCannotBeRemoved()
    {
        Assert.Equal(SosError.NotFound, Assert.Throws<SosException>(() => _services.Delete("edge")).Error);
        _services.Write(Whole);
        _services.Delete("edge");
        Assert.Empty(_services.List());
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static void AssertSame(EnabledService wanted, EnabledService read)
    {
        // Lists and dictionaries are not equal by their contents.
        Assert.Equal(wanted.Plan.Ports, read.Plan.Ports);
        Assert.Equal(wanted.Plan.Options, read.Plan.Options);
        Assert.Equal(wanted.Plan.Parameters, read.Plan.Parameters);
        ServicePlan plan = read.Plan with { Ports = wanted.Plan.Ports, Options = wanted.Plan.Options, Parameters = wanted.Plan.Parameters };
        Assert.Equal(wanted, read with { Plan = plan });
    }
}
