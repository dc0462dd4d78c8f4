using System;
using System.Linq;
using System.Runtime.InteropServices;
using BadServices;
using Sos.Image.Building;
using Sos.Image.Debugging;
using Sos.Image.Verification;
using Xunit;

namespace Sos.Image.Tests;

/// <summary>Images really run: mapped into this process segment by segment, relocated, and called.</summary>
[Collection("BadServices")]
public sealed unsafe class NativeRunTests(BadServicesFixture services)
{
    [Fact]
    public void CodeInAnImageComputesWhatItComputesOnDotNet()
    {
        using MappedImage image = new(services.Build("good_mixture"));
        for (long seed = 0; seed < 200; seed++)
        {
            Assert.Equal(Good.Compute(seed), image.Call(nameof(Good.Mixture), &seed));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(70_000)]
    public void LargeCopiesAndClearingsUseTheImagesOwnRoutines(int count)
    {
        using MappedImage image = new(services.Build("good_large_copy"));
        byte[] from = [.. Enumerable.Range(1, count).Select(i => (byte)(i | 1))];
        byte[] expected = (byte[])from.Clone();
        byte[] to = new byte[count];
        fixed (byte* source = from, target = to)
        {
            long* arguments = stackalloc long[] { (long)source, (long)target, count };
            image.Call(nameof(Good.LargeCopy), arguments);
        }

        Assert.Equal(expected, to);
        Assert.All(from, b => Assert.Equal(0, b));
    }

    [Theory]
    [InlineData(IlcInstructionSets.Baseline, 4)]
    [InlineData(IlcInstructionSets.Baseline | IlcInstructionSets.Avx512, 4)]
    [InlineData(IlcInstructionSets.Baseline | IlcInstructionSets.Aes, 6)]
    public void TheInstructionSetVariableIsWhatCodeAsks(IlcInstructionSets sets, long expected)
    {
        using MappedImage image = new(services.Build("good_instruction_sets"), sets);
        long argument = 0;

        Assert.Equal(expected, image.Call(nameof(Good.AskInstructionSets), &argument));
    }

    [Fact]
    public void AnAddressResolvesToMethodAndLine()
    {
        BuiltImage built = services.Build("good_mixture");
        DebugFile debug = DebugFile.Read(built.Debug);
        DebugMethod method = debug.Methods.Single(m => m.Name == "BadServices.Good.Name");

        CodeLocation? location = debug.Resolve(method.Rva + 1);

        Assert.Equal("BadServices.Good.Name", location?.Method);
        Assert.EndsWith("Good.cs", location?.File, StringComparison.Ordinal);
        Assert.Null(debug.Resolve(0x10));
    }

    [Fact]
    public void TheSameInputGivesTheSameImage()
    {
        byte[] file = System.IO.File.ReadAllBytes(BadServicesFixture.Metadata("BadServicesObject"));
        ImageOptions options = new() { Name = "x", Entry = "good_mixture" };

        Assert.Equal(ImageBuilder.Build(file, options, MethodNames.None).Image,
            ImageBuilder.Build(file, options, MethodNames.None).Image);
    }

    [Fact]
    public void TheHelloSampleMakesAnImageThatMayRun()
    {
        string path = BadServicesFixture.Metadata("HelloImage");

        Assert.Empty(Verification.ImageVerifier.VerifyFile(path));
        ServiceImage image = ServiceImage.Read(path);
        Assert.Equal("Hello", image.Descriptor.Name);
        Assert.True(DebugFile.Read(path + ".debug").Matches(image));
    }

    private sealed class MappedImage : IDisposable
    {
        private const int Read = 1, Write = 2, Execute = 4, PrivateAnonymous = 0x22;
        private readonly byte* _base;
        private readonly nuint _size;
        private readonly DebugFile _debug;

        public MappedImage(BuiltImage built, IlcInstructionSets sets = IlcInstructionSets.Baseline)
        {
            ServiceImage image = ServiceImage.Read(built.Image);
            _debug = DebugFile.Read(built.Debug);
            Assert.Empty(ImageVerifier.Verify(image, _debug));
            _size = (nuint)image.MemorySize;
            _base = (byte*)mmap(null, _size, Read | Write, PrivateAnonymous, -1, 0);
            Assert.NotEqual(-1, (nint)_base);
            foreach (ImageSegment s in image.Segments)
            {
                s.Data.Span.CopyTo(new Span<byte>(_base + s.Rva, (int)s.MemorySize));
            }

            foreach (ImageRelocation r in image.Relocations)
            {
                *(ulong*)(_base + r.Rva) = (ulong)_base + r.Addend;
            }

            if (image.Descriptor.IsaVariableRva != 0)
            {
                *(ulong*)(_base + image.Descriptor.IsaVariableRva) = (ulong)sets;
            }

            foreach (ImageSegment s in image.Segments)
            {
                int protection = Read | (s.Protection.HasFlag(SegmentProtection.Write) ? Write : 0)
                    | (s.Protection.HasFlag(SegmentProtection.Execute) ? Execute : 0);
                Assert.Equal(0, mprotect(_base + s.Rva, (nuint)s.MappedSize, protection));
            }
        }

        public long Call(string method, long* argument)
        {
            ulong rva = _debug.Methods.Single(m => m.Name == "BadServices.Good." + method).Rva;
            return ((delegate* unmanaged<long*, long>)(_base + rva))(argument);
        }

        public void Dispose() => munmap(_base, _size);

        [DllImport("libc")]
        private static extern void* mmap(void* address, nuint size, int protection, int flags, int file, long offset);

        [DllImport("libc")]
        private static extern int mprotect(void* address, nuint size, int protection);

        [DllImport("libc")]
        private static extern int munmap(void* address, nuint size);
    }
}
