using System;
using System.Linq;
using System.Text;
using CsCheck;
using Sos.Image.Ports;
using Xunit;

namespace Sos.Image.Tests;

/// <summary>An image states which ports its service wants, and what does not fit is refused in words that say what to do.</summary>
[Collection("BadServices")]
public sealed class PortWishesTests(BadServicesFixture services)
{
    [Theory]
    [InlineData("wan,,,", "wan", 1, 1, HostPortWish.Optional)]
    [InlineData("wan,0,,none", "wan", 0, 1, HostPortWish.None)]
    [InlineData("any,,,", "any", 0, 8, HostPortWish.Optional)]
    [InlineData("any,2,6,required", "any", 2, 6, HostPortWish.Required)]
    [InlineData("any,,0,", "any", 0, 0, HostPortWish.Optional)]
    public void A_project_states_a_wish_in_a_line(string text, string name, int least, int most, HostPortWish hostPort)
        => Assert.Equal(new PortWish(name, least, most, hostPort), PortWishes.ParseWish(text));

    [Theory]
    [InlineData("wan")]
    [InlineData("wan,two,,")]
    [InlineData("wan,-1,,")]
    [InlineData("wan,,,yes")]
    public void A_line_that_cannot_be_read_is_refused(string text)
        => Assert.Equal(ImageFormatError.BadPorts, Assert.Throws<ImageFormatException>(() => PortWishes.ParseWish(text)).Error);

    [Theory]
    [InlineData("Wan", 1, 1)]
    [InlineData("host", 1, 1)]
    [InlineData("a.b", 1, 1)]
    [InlineData("sixteen-letters-", 1, 1)]
    [InlineData("wan", 0, 2)]
    [InlineData("wan", 1, 0)]
    [InlineData("any", 0, 9)]
    [InlineData("any", 3, 2)]
    public void A_wish_that_cannot_be_met_is_refused(string name, int least, int most)
        => Assert.Throws<ImageFormatException>(() => PortWishes.Create([new PortWish(name, least, most, HostPortWish.None)]));

    [Fact]
    public void Wishes_that_cannot_be_met_together_are_refused()
    {
        PortWish wan = PortWishes.ParseWish("wan,,,");
        Assert.Throws<ImageFormatException>(() => PortWishes.Create([wan, wan]));
        Assert.Throws<ImageFormatException>(() => PortWishes.Create([wan, PortWishes.ParseWish("any,8,8,")]));
        Assert.Equal(2, PortWishes.Create([wan, PortWishes.ParseWish("any,7,8,")]).Wishes.Length);
    }

    [Theory]
    [InlineData("nic,,,required", "nic+", null)]
    [InlineData("nic,,,required", "nic", "filter needs a host port for its port nic, and was given none")]
    [InlineData("nic,,,none", "nic+", "filter takes no host port for its port nic: leave it out")]
    [InlineData("nic,,,", "", "filter needs the port nic: name its device by --port nic=DEVICE")]
    [InlineData("nic,,,", "wan+", "filter knows no port wan: it takes nic")]
    [InlineData("nic,,, lan,0,,none", "nic dmz", "filter knows no port dmz: it takes nic, lan or not without a host port")]
    [InlineData("any,2,3,", "a b+ c", null)]
    [InlineData("any,2,3,", "a", "filter takes 2 to 3 ports, and was given 1: name more of them, each by --port NAME=DEVICE")]
    [InlineData("any,2,3,", "a b c d", "filter takes 2 to 3 ports, and was given 4: leave some out")]
    [InlineData("any,,0,", "a", "filter takes no port: leave a out")]
    [InlineData("any,,0,", "", null)]
    [InlineData("mgmt,0,,required any,1,1,none", "mgmt+ wan", null)]
    [InlineData("mgmt,0,,required any,1,1,", "mgmt+", "filter takes 1 port, and was given 0: name more of them, each by --port NAME=DEVICE")]
    [InlineData("any,,,", "a a", "two ports are called a: give each a name of its own")]
    public void What_does_not_fit_is_refused_in_words(string wishes, string given, string? refusal)
    {
        PortWishes ports = PortWishes.Create(wishes.Split(' ').Select(PortWishes.ParseWish));
        GivenPort[] all = [.. given.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(name => new GivenPort(name.TrimEnd('+'), name.EndsWith('+')))];
        Assert.Equal(refusal, ports.Check("filter", all));
    }

    [Fact]
    public void A_name_that_cannot_be_is_refused_with_what_can()
    {
        PortWishes ports = PortWishes.Create([PortWishes.ParseWish("any,,,")]);
        Assert.Equal(
            "a port cannot be called \"A\": give it 1 to 15 lower-case letters, digits, '-' or '_', a letter first, and not \"host\" or \"any\"",
            ports.Check("filter", [new GivenPort("A", true)]));
    }

    [Fact]
    public void An_image_that_states_nothing_takes_the_port_nic_or_none()
    {
        PortWishes ports = ServiceImage.Read(services.Build("good_mixture").Image).Ports;
        Assert.Same(PortWishes.Default, ports);
        Assert.Null(ports.Check("s", []));
        Assert.Null(ports.Check("s", [new GivenPort("nic", true)]));
        Assert.Null(ports.Check("s", [new GivenPort("nic", false)]));
        Assert.NotNull(ports.Check("s", [new GivenPort("wan", true)]));
    }

    [Fact]
    public void The_note_of_an_image_says_what_was_put_in()
    {
        PortWishes ports = PortWishes.Create(
            [PortWishes.ParseWish("wan,,,required"), PortWishes.ParseWish("fifteen-letters,0,,none"), PortWishes.ParseWish("any,2,6,")]);
        ServiceImage image = ServiceImage.Read(services.Build("good_mixture", ports).Image);
        Assert.Equal<PortWish>(ports.Wishes, image.Ports.Wishes);
        Assert.Equal("wan with a host port, fifteen-letters or not without a host port, 2 to 6 ports", image.Ports.ToString());
    }

    [Fact]
    public void A_damaged_note_is_a_typed_error()
        => Gen.Select(Gen.Int[0, 39], Gen.Byte, Gen.Int[0, 41]).Sample(
            (at, value, length) =>
            {
                byte[] note = PortWishes.Create([PortWishes.ParseWish("wan,,,")]).ToBytes();
                note[at] = value;
                Array.Resize(ref note, length);
                try
                {
                    PortWishes read = PortWishes.Parse(note);
                    Assert.Equal(note, read.ToBytes());
                }
                catch (ImageFormatException)
                {
                }
            },
            iter: 5000);

    [Fact]
    public void Sdk_and_image_library_allow_the_same_names()
        => Gen.OneOf(Gen.Const("host"), Gen.Const("any"), Gen.Char["abz09-_.A é"].Array[0, 17].Select(name => new string(name))).Sample(
            name => Assert.Equal(Sos.Sdk.Control.PortName.IsValid(Encoding.UTF8.GetBytes(name)), PortWishes.IsPortName(name)), iter: 5000);

    [Fact]
    public void Every_project_of_this_repository_says_which_ports_it_wants()
    {
        foreach (string project in RepositoryImages.Projects.Where(project => project.StartsWith("services", StringComparison.Ordinal)
            || project.StartsWith("samples", StringComparison.Ordinal)))
        {
            Assert.NotSame(PortWishes.Default, ServiceImage.Read(RepositoryImages.PathOf(project)).Ports);
        }
    }
}
