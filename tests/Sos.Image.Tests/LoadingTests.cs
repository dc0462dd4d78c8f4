using System;
using System.IO;
using System.Linq;
using Sos.Cores;
using Sos.Cores.Loading;
using Sos.Cores.Operations;
using Sos.Fuzz.Images;
using Sos.Image.Verification;
using Xunit;

namespace Sos.Image.Tests;

/// <summary>Nothing is loaded that the verifier does not accept, and nothing is read that no loader can give.</summary>
public sealed class LoadingTests
{
    [Fact]
    public void AnImageThatIsNotAcceptedIsNotLoaded()
    {
        ServiceImage image = ServiceImage.Read(TestImage.Create([0x0f, 0x05, 0xc3]));

        // The target is not even asked.
        SosException e = Assert.Throws<SosException>(() => ServiceLoader.Load(null!, image, new ServiceConfiguration()));

        Assert.Equal(SosError.BadImage, e.Error);
        Assert.Contains(DiagnosticIds.SystemCall, e.Message, StringComparison.Ordinal);
        Assert.False(image.IsAccepted);
    }

    [Fact]
    public void AnImageIsAcceptedByTheVerifierAlone()
    {
        ServiceImage image = ServiceImage.Read(TestImage.Create([0xc3]));
        Assert.False(image.IsAccepted);

        Assert.Empty(ImageVerifier.Verify(image));

        Assert.True(image.IsAccepted);
    }

    [Fact]
    public void ADamagedDebugFileIsNamed()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, TestImage.Create([0xc3]));
            Assert.Empty(VerifiedImage.Verify(VerifiedImage.ReadUnverified(path), path));

            File.WriteAllText(path + ".debug", "no debug file");
            SosException e = Assert.Throws<SosException>(() => VerifiedImage.Verify(VerifiedImage.ReadUnverified(path), path));

            Assert.Equal(SosError.BadImage, e.Error);
            Assert.Contains(path + ".debug", e.Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
            File.Delete(path + ".debug");
        }
    }

    [Theory]
    [InlineData(0u, 0ul, 0ul, true)]
    [InlineData(0u, ServiceDescriptor.MaxArenaSize, ServiceDescriptor.MaxPollBoundNs, true)]
    [InlineData(1u, 0ul, 0ul, true)]
    [InlineData((uint)ServiceGrants.All, 0ul, 0ul, true)]
    [InlineData(0x80u, 0ul, 0ul, false)]
    [InlineData(0x8000_0000u, 0ul, 0ul, false)]
    [InlineData(0u, ulong.MaxValue, 0ul, false)]
    [InlineData(0u, 40ul << 30, 0ul, false)]
    [InlineData(0u, ServiceDescriptor.MaxArenaSize + 1, 0ul, false)]
    [InlineData(0u, 0ul, ServiceDescriptor.MaxPollBoundNs + 1, false)]
    public void ADescriptorAsksForNoMoreThanThereIs(uint flags, ulong arena, ulong pollBoundNs, bool isRead)
    {
        byte[] file = CodeImage.Create(
            [0xc3], new byte[8], new ServiceDescriptor(ServiceDescriptor.CurrentAbi, 65536, flags, arena, pollBoundNs, 0, "test", "1"));
        if (isRead)
        {
            Assert.Equal(arena, ServiceImage.Read(file).Descriptor.ArenaSize);
        }
        else
        {
            Assert.Equal(ImageFormatError.BadDescriptor, Assert.Throws<ImageFormatException>(() => ServiceImage.Read(file)).Error);
        }
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(4097u)]
    [InlineData(ServiceDescriptor.MaxStackSize + 4096)]
    public void AStackIsOfWholePagesAndBounded(uint stackSize)
    {
        byte[] file = CodeImage.Create([0xc3], new byte[8], new ServiceDescriptor(ServiceDescriptor.CurrentAbi, stackSize, 0, 0, 0, 0, "test", "1"));

        Assert.Equal(ImageFormatError.BadDescriptor, Assert.Throws<ImageFormatException>(() => ServiceImage.Read(file)).Error);
    }

    [Fact]
    public void TheArenaThatAnImageMayAskForEndsBeforeThePacketMemory() =>
        Assert.Equal(AddressSpace.PacketMemory - AddressSpace.Arena, ServiceDescriptor.MaxArenaSize);

    [Fact]
    public void WhatTheRepositoryBuildsIsAccepted() => Assert.All(
        RepositoryImages.Projects.Select(RepositoryImages.PathOf), path => Assert.Empty(ImageVerifier.Verify(ServiceImage.Read(path))));
}
