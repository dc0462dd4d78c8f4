using System;
using System.Linq;
using Sos.Fuzz.Images;
using Sos.Image.Verification;
using Xunit;

namespace Sos.Image.Tests;

/// <summary>Every image that this repository builds is decoded a second time, by objdump, which must see the same.</summary>
[Collection("BadServices")]
public sealed class SecondDecoderTests(BadServicesFixture services)
{
    public static TheoryData<string> Projects => new(RepositoryImages.Projects);

    [Theory]
    [MemberData(nameof(Projects))]
    public void BothDecodersSeeTheSameCode(string project)
    {
        ServiceImage image = ServiceImage.Read(RepositoryImages.PathOf(project));
        Verdict verdict = ImageVerifier.Examine(image);

        AcceptedImage.Require(image, verdict);

        Assert.True(verdict.Instructions.Length > 100);
        Assert.InRange(verdict.StackDepthMax ?? -1, 1, image.Descriptor.StackSize);
    }

    [Theory]
    [InlineData("good_mixture")]
    [InlineData("good_large_copy")]
    [InlineData("good_instruction_sets")]
    public void BothDecodersSeeTheSameInTestServices(string entry)
    {
        ServiceImage image = ServiceImage.Read(services.Build(entry).Image);

        AcceptedImage.Require(image, ImageVerifier.Examine(image));
    }

    [Fact]
    public void TheSecondDecoderWouldNoticeADifference()
    {
        // The verdict of one image does not fit another: the check is not one that always passes.
        ServiceImage image = ServiceImage.Read(services.Build("good_mixture").Image);
        ServiceImage other = ServiceImage.Read(services.Build("good_large_copy").Image);

        Assert.Throws<Sos.Fuzz.FuzzException>(() => AcceptedImage.Require(other, ImageVerifier.Examine(image)));
    }

    [Theory]
    [InlineData(new byte[] { 0x0f, 0x05 }, ControlFlow.Forbidden)]
    [InlineData(new byte[] { 0xcd, 0x80 }, ControlFlow.Forbidden)]
    [InlineData(new byte[] { 0x64, 0x48, 0x8b, 0x00 }, ControlFlow.Forbidden)]
    [InlineData(new byte[] { 0x0f, 0x22, 0xd8 }, ControlFlow.Forbidden)]
    [InlineData(new byte[] { 0xff, 0xd0 }, ControlFlow.Forbidden)]
    [InlineData(new byte[] { 0xff, 0xe0 }, ControlFlow.IndirectJump)]
    [InlineData(new byte[] { 0x74, 0x02 }, ControlFlow.ConditionalJump)]
    [InlineData(new byte[] { 0xf3, 0xc3 }, ControlFlow.Return)]
    [InlineData(new byte[] { 0xcd, 0x20 }, ControlFlow.Next)]
    [InlineData(new byte[] { 0x0f, 0x0b }, ControlFlow.End)]
    public void TheSecondDecoderTellsFlowsApart(byte[] code, ControlFlow flow) =>
        Assert.Equal((code.Length, flow), Objdump.Decode(code, 0x1000)[0x1000] is { } i ? (i.Length, i.Flow) : default);

    [Fact]
    public void TheFirewallStaysUnder128KiB()
    {
        string firewall = RepositoryImages.Projects.Single(p => p.EndsWith("Sos.Firewall.csproj", StringComparison.Ordinal));
        ServiceImage image = ServiceImage.Read(RepositoryImages.PathOf(firewall));

        Assert.InRange(image.FileSize, 1, 128 << 10);
        Assert.InRange(image.MemorySize, 1UL, 128UL << 10);
    }
}
