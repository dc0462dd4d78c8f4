using Sos.Cores;
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

    // Of this thread alone: Linux tells of links to everybody, of rulesets only to who may change them.
    private static void DropRights()
    {
        const uint version = 0x2008_0522; // _LINUX_CAPABILITY_VERSION_3
        uint* header = stackalloc uint[2] { version, 0 };
        uint* none = stackalloc uint[6] { 0, 0, 0, 0, 0, 0 };
        Assert.Equal(0, ProcessCalls.SetCapabilities(header, none));
    }
}
