using Sos.Cores.Loading;
using Sos.Image;
using Sos.Sdk.Control;
using Xunit;

namespace Sos.Cores.Tests.Loading;

/// <summary>The features that follow from the answers of CPUID and XGETBV. Sos.Ctl.Tests compares this machine's with what Linux says.</summary>
public class ProcessorFeaturesTests
{
    private const InstructionSets Wide = InstructionSets.Avx | InstructionSets.Avx2 | InstructionSets.Fma | InstructionSets.Avx512;
    private const IlcInstructionSets WideInImages = IlcInstructionSets.Avx | IlcInstructionSets.Avx2 | IlcInstructionSets.Avx512
        | IlcInstructionSets.Avx512V2 | IlcInstructionSets.Avx512V3 | IlcInstructionSets.AvxVnni;

    // A processor with AVX-512 and its later parts, AVX-VNNI and GFNI, under an operating system that saves all of its registers.
    private static readonly ProcessorRegisters Full = new()
    {
        Leaf1Ecx = Bits(0, 1, 9, 12, 13, 19, 20, 22, 23, 25, 26, 27, 28, 29),
        Leaf7Ebx = Bits(3, 5, 8, 16, 17, 21, 28, 30, 31),
        Leaf7Ecx = Bits(1, 5, 6, 8, 11, 12, 14),
        Leaf71Eax = Bits(4),
        Extended1Ecx = Bits(5),
        Extended7Edx = Bits(8),
        Xcr0 = 0xe7,
    };

    [Fact]
    public void EverythingIsFound()
    {
        ProcessorFeatures features = ProcessorFeatures.Of(Full);
        Assert.Equal((InstructionSets)0xffff, features.Sets);
        Assert.Equal(IlcInstructionSets.Baseline | WideInImages | IlcInstructionSets.Aes | IlcInstructionSets.Gfni, features.ImageSets);
        Assert.True(features.RunsImages);
    }

    [Fact]
    public void AProcessorThatAnswersNothingHasNothing()
    {
        ProcessorFeatures features = ProcessorFeatures.Of(default);
        Assert.Equal(InstructionSets.None, features.Sets);
        Assert.Equal(IlcInstructionSets.None, features.ImageSets);
        Assert.False(features.RunsImages);
    }

    [Theory]
    [InlineData(0x0)]
    [InlineData(0x1)]
    [InlineData(0x3)]
    [InlineData(0x5)]
    [InlineData(0xe3)]
    public void WithoutAvxStateInXcr0NothingOfAvxIsUsed(ulong xcr0)
    {
        ProcessorFeatures features = ProcessorFeatures.Of(Full with { Xcr0 = xcr0 });
        Assert.Equal(InstructionSets.None, features.Sets & Wide);
        Assert.Equal(IlcInstructionSets.None, features.ImageSets & WideInImages);
        Assert.True(features.Sets.HasFlag(InstructionSets.Bmi2 | InstructionSets.Aes));
        Assert.False(features.RunsImages);
    }

    [Theory]
    [InlineData(0x07)]
    [InlineData(0x27)]
    [InlineData(0x67)]
    [InlineData(0xa7)]
    [InlineData(0xc7)]
    public void WithoutAllOfAvx512sStateInXcr0OnlyAvx512IsLeftOut(ulong xcr0)
    {
        ProcessorFeatures features = ProcessorFeatures.Of(Full with { Xcr0 = xcr0 });
        Assert.Equal(Wide & ~InstructionSets.Avx512, features.Sets & Wide);
        Assert.Equal(IlcInstructionSets.None,
            features.ImageSets & (IlcInstructionSets.Avx512 | IlcInstructionSets.Avx512V2 | IlcInstructionSets.Avx512V3));
        Assert.True(features.RunsImages);
    }

    [Fact]
    public void WithoutOsXsaveXcr0DoesNotCount()
        => Assert.Equal(InstructionSets.None, ProcessorFeatures.Of(Full with { Leaf1Ecx = Full.Leaf1Ecx & ~Bits(27) }).Sets & Wide);

    [Theory]
    [InlineData(12)] // FMA
    [InlineData(22)] // MOVBE
    [InlineData(29)] // F16C
    public void ImagesNeedAllOfX8664V3(int bit)
    {
        ProcessorFeatures features = ProcessorFeatures.Of(Full with { Leaf1Ecx = Full.Leaf1Ecx & ~Bits(bit) });
        Assert.False(features.RunsImages);
        Assert.False(features.ImageSets.HasFlag(IlcInstructionSets.Avx512));
    }

    [Theory]
    [InlineData(0u, IlcInstructionSets.None)]
    [InlineData(0x0007_0001u, IlcInstructionSets.Avx10V1)]
    [InlineData(0x0003_0001u, IlcInstructionSets.None)]
    [InlineData(0x0007_0002u, IlcInstructionSets.Avx10V1 | IlcInstructionSets.Avx10V2)]
    public void Avx10CountsWithItsVersionAndVectors(uint leaf24Ebx, IlcInstructionSets expected)
    {
        ProcessorRegisters registers = Full with
        {
            Leaf7Edx = Bits(23),
            Leaf71Eax = Full.Leaf71Eax | Bits(5),
            Leaf71Edx = Bits(19),
            Leaf24Ebx = leaf24Ebx,
        };
        Assert.Equal(expected, ProcessorFeatures.Of(registers).ImageSets & (IlcInstructionSets.Avx10V1 | IlcInstructionSets.Avx10V2));
    }

    private static uint Bits(params int[] bits)
    {
        uint value = 0;
        foreach (int bit in bits)
        {
            value |= 1u << bit;
        }

        return value;
    }
}
