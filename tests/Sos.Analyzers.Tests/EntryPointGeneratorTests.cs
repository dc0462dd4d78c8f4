using System;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.IO;
using System.Linq;
using System.Threading;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Text;
using Sos.Sdk.Services;
using Xunit;

namespace Sos.Analyzers.Tests;

/// <summary>A project's service gets an entry point, or is refused where its author mends it.</summary>
public sealed class EntryPointGeneratorTests
{
    private const string Body = "{ public long Initialize(ref ServiceSetup setup) => 0; public void Poll(ulong now) { } }";
    private const string Project = "<Project>\n  <PropertyGroup>\n    <SosService>x</SosService>\n";

    private static readonly MetadataReference[] References =
    [
        .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Append(typeof(IService).Assembly.Location)
            .Distinct().Select(p => MetadataReference.CreateFromFile(p)),
    ];

    [Theory]
    [InlineData("A.Service", "namespace A { struct Service : IService " + Body + " }")]
    [InlineData("A.Outer.Service", "namespace A { class Outer { internal struct Service : IService " + Body + " } }")]
    [InlineData("A.Service<int>", "namespace A { struct Service<T> : IService where T : unmanaged " + Body + " }")]
    [InlineData("A.Service", "namespace A { partial struct Service : IService " + Body + " partial struct Service { ulong _state; } }")]
    public void AServiceGetsAnEntryPoint(string name, string source)
    {
        (Compilation compilation, ImmutableArray<Diagnostic> refusals) = Generate(name, source);

        Assert.Empty(refusals);
        Assert.Empty(compilation.GetDiagnostics().Where(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error));
        Assert.Contains(compilation.SyntaxTrees, tree => tree.ToString().Contains($"ServiceHost<global::{name}>.Run(control)", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("A.Wrong", "namespace A { struct Service : IService " + Body + " }", "own.csproj(3", "one of the services that are there: A.Service")]
    [InlineData("A..", "", "own.csproj(3", "there is none yet")]
    [InlineData("A", "namespace A { struct Service : IService " + Body + " }", "own.csproj(3", "there is no such type")]
    [InlineData("A.Service", "namespace A {\n class Service : IService " + Body + " }", "own.cs(4", "is a class; make it a struct")]
    [InlineData("A.Service", "namespace A {\n interface Service : IService { } }", "own.cs(4", "is no struct but: interface")]
    [InlineData("A.Service", "namespace A {\n struct Service { } }", "own.cs(4", "does not implement Sos.Sdk.Services.IService")]
    [InlineData("A.O.Service", "namespace A { class O {\n private struct Service : IService " + Body + " } }", "own.cs(4", "make it internal or public")]
    [InlineData("A.Service", "namespace A { partial struct Service : IService " + Body + " partial struct Service {\n string _name; } }",
        "own.cs(4", "holds a reference in '_name'")]
    [InlineData("A.Service", "namespace A {\n ref struct Service : IService " + Body + " }", "own.cs(4", "is a ref struct")]
    public void WhatCannotBeAServiceIsRefusedWhereItIsMended(string name, string source, string place, string message)
    {
        (Compilation compilation, ImmutableArray<Diagnostic> refusals) = Generate(name, source);

        Diagnostic refusal = Assert.Single(refusals);
        Assert.Equal("SOS1015", refusal.Id);
        Assert.Equal(DiagnosticSeverity.Error, refusal.Severity);
        Assert.Contains(message, refusal.GetMessage(), StringComparison.Ordinal);
        Assert.Contains("docs/own-repository.md", refusal.GetMessage(), StringComparison.Ordinal);
        Assert.StartsWith(place, refusal.ToString(), StringComparison.Ordinal);

        // Nothing that was generated adds errors of its own.
        Assert.Single(compilation.SyntaxTrees);
    }

    [Fact]
    public void AServiceThatAnotherFileNamesIsRefusedWithoutAPlace()
    {
        (_, ImmutableArray<Diagnostic> refusals) = Generate("A.Wrong", "", project: "<Project />");
        Assert.Equal(Location.None, Assert.Single(refusals).Location);
    }

    [Fact]
    public void AProjectWithoutAServiceGetsNothing()
    {
        (Compilation compilation, ImmutableArray<Diagnostic> refusals) = Generate("", "");
        Assert.Empty(refusals);
        Assert.Single(compilation.SyntaxTrees);
    }

    private static (Compilation Compilation, ImmutableArray<Diagnostic> Refusals) Generate(string service, string source, string project = Project)
    {
        CSharpCompilation compilation = CSharpCompilation.Create(
            "test", [CSharpSyntaxTree.ParseText("#nullable enable\nusing Sos.Sdk.Services;\n" + source, path: "own.cs")], References,
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true));
        CSharpGeneratorDriver.Create(
            [new EntryPointGenerator().AsSourceGenerator()], [new ProjectFile(project)], optionsProvider: new Options(service))
            .RunGeneratorsAndUpdateCompilation(compilation, out Compilation result, out ImmutableArray<Diagnostic> refusals);
        return (result, refusals);
    }

    private sealed class ProjectFile(string text) : AdditionalText
    {
        public override string Path => "own.csproj";

        public override SourceText GetText(CancellationToken cancellationToken = default) => SourceText.From(text);
    }

    private sealed class Options(string service) : AnalyzerConfigOptionsProvider
    {
        public override AnalyzerConfigOptions GlobalOptions => new Values(service);

        public override AnalyzerConfigOptions GetOptions(SyntaxTree tree) => GlobalOptions;

        public override AnalyzerConfigOptions GetOptions(AdditionalText textFile) => GlobalOptions;
    }

    private sealed class Values(string service) : AnalyzerConfigOptions
    {
        public override bool TryGetValue(string key, [NotNullWhen(true)] out string? value)
        {
            value = key == "build_property.SosService" ? service : null;
            return value is not null;
        }
    }
}
