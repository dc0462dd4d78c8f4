using System;
using Sos.Cores;
using Sos.Cores.Network;
using Sos.Linux;
using Sos.Router.Control.Linux;
using Xunit;

namespace Sos.Router.Tests;

/// <summary>Questions for Linux's rulesets that Linux does not answer.</summary>
public sealed unsafe class RulesetQuestionTests
{
    [Fact]
    public void ARefusedQuestionIsNotTheAnswerThatThereAreNoRules()
        => NetworkPlace.OnThreadOfItsOwn(() =>
        {
            DropRights();
            using LinuxNetwork network = new();
            Assert.Throws<SosException>(() => network.HasFilter(false));
            Assert.Throws<SosException>(() => network.HasFilter(true));
            Assert.Throws<SosException>(() => network.RulesetGeneration());
            Assert.NotEmpty(network.Links());
        });

    [Fact]
    public void RulesForArpAreSeen()
    {
        string name = $"sos-arp{Environment.ProcessId}";
        NetworkPlace.Run("ip", $"netns add {name}");
        try
        {
            NetworkPlace.OnThreadOfItsOwn(() =>
            {
                using NetworkNamespace place = NetworkNamespace.TryEnter(NetworkPlace.Inode(name))!;
                using LinuxNetwork network = new();
                Assert.False(network.HasArpRules());
                NetworkPlace.Run("ip", $"netns exec {name} nft -f -", "table arp a { chain unused { }\n }\n");
                Assert.False(network.HasArpRules());
                NetworkPlace.Run("ip", $"netns exec {name} nft -f -", "table arp a { chain i { type filter hook input priority 0; }\n }\n");
                Assert.True(network.HasArpRules());
                Assert.False(network.HasFilter(false));
            });
        }
        finally
        {
            NetworkPlace.Run("ip", $"netns del {name}");
        }
    }

    // Of this thread alone: Linux tells of links to everybody, of rulesets only to who may change them.
    private static void DropRights()
    {
        const uint version = 0x2008_0522; // _LINUX_CAPABILITY_VERSION_3
        uint* header = stackalloc uint[2] { version, 0 };
        uint* none = stackalloc uint[6] { 0, 0, 0, 0, 0, 0 };
        Assert.Equal(0, ProcessCalls.SetCapabilities(header, none));
    }
}
